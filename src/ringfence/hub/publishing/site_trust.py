"""Which phones of the sites that are due find signed files, and what these are signed with.

A phone that is to be switched to signed files waits until the organisation could recover it (``hub/trust``): until then
it is left out, and keeps the files that it has. One that may hold a list already gets its signed files in any case.
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from cryptography import x509
from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.errors import RingfenceError
from ringfence.hub.core import Hub
from ringfence.hub.data.sealing import Sealer
from ringfence.hub.edge_tls_errors import TransportUnfit
from ringfence.hub.fleet import edge_tls_keys, phone_certificates, phone_trust, site_tunnels
from ringfence.hub.publishing.left_out import LeftOutPhone
from ringfence.hub.publishing.signed_forms import SealedFor, SiteTrust, TrustingPhone, WhichList
from ringfence.hub.publishing.site_rows import SiteInput
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import PhoneRow, SiteRow
from ringfence.hub.store.phone_trust_models import PhoneContentKeyRow, PhoneTrustRow
from ringfence.hub.trust import https_lists, recovery, release_list, trust_keys, trust_lists
from ringfence.identity.certificates import fingerprint
from ringfence.phones.families import model as model_of
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.render_input import PhoneToRender
from ringfence.phones.settings.trust import (
    CAPF_AUTH,
    CAPF_SERVER,
    EDGE_URL,
    KEEP,
    PLAIN_FILES,
    SIGNATURE_HASH,
    TRUST,
    TRUST_TRANSPORT,
)
from ringfence.phones.trust.encrypted_file import KEY_BYTES, ContentKey
from ringfence.phones.trust.roles import SigningHash, TrustRole
from ringfence.phones.trust.state import FileForms, ListOffer, Transport, Trust, TrustFacts, forms_of
from ringfence.secret import Secret

_HASHES = {"sha1": SigningHash.SHA1, "sha512": SigningHash.SHA512}
_READ_AT_ONCE = 200
_OFF, _BY_CERTIFICATE, _BY_PASSWORD = "off", "lsc", "password"
BOX_NAME = "CiscoCM1"
"""What every box answers to (``edge/network/plan.py``)."""


def with_trust(hub: Hub, session: Session, inputs: Sequence[SiteInput]) -> list[SiteInput]:
    """Return the input of sites with what their phones' files are signed with; of a site without such phones as it is.

    Raises:
        RingfenceError: Phones need signed files, and the key that signs them can't be had; the error says why.
    """
    maker = _Maker(hub, session, _EdgeKeys.of(session, [site.site_id for site in inputs]))
    return [
        maker.completed(site, known)
        for start in range(0, len(inputs), _READ_AT_ONCE)
        for site, known in _with_facts(hub, session, inputs[start : start + _READ_AT_ONCE])
    ]


@dataclass(frozen=True, slots=True)
class _Known:
    facts: TrustFacts
    sealed_for: SealedFor | None
    orders_by: str = ""
    """How it is to show who it is at CAPF, where an order waits for it; empty where none does."""
    newest_list: int = 0
    """The organisation's list that it is known to hold, or one made from it; 0 if that is not known."""
    had_https: bool = False
    """Whether it ever took a list of signer version 1.1."""


@dataclass(frozen=True, slots=True)
class _EdgeKeys:
    """The keys by which edges give phones their configuration over HTTPS, by their sites."""

    listed: Mapping[str, Sequence[x509.Certificate]]
    changed_at: Mapping[str, float]

    @classmethod
    def of(cls, session: Session, site_ids: Sequence[str]) -> "_EdgeKeys":
        return cls(edge_tls_keys.listed(session, site_ids), edge_tls_keys.changed_at(session, site_ids))


_NOTHING = _Known(TrustFacts(), None)


def _with_facts(
    hub: Hub, session: Session, inputs: Sequence[SiteInput]
) -> Iterator[tuple[SiteInput, dict[str, _Known]]]:
    macs = [phone.mac.bare for site in inputs for phone in site.phones]
    rows = phone_trust.rows_of(session, macs)
    keys = {row.mac: row for row in session.scalars(select(PhoneContentKeyRow).where(PhoneContentKeyRow.mac.in_(rows)))}
    certificates = phone_certificates.all_to_encrypt_to(session, rows)
    orders = phone_certificates.all_waiting(session, tuple(rows), hub.clock())
    for site in inputs:
        known = {}
        for phone in site.phones:
            mac = phone.mac
            if mac.bare in rows:
                sealed_for = _sealed_for(hub.sealer, mac, keys.get(mac.bare), certificates.get(mac.bare))
                facts = phone_trust.facts(rows[mac.bare], has_certificate=sealed_for is not None)
                order = orders.get(mac.bare)
                by = "" if order is None else _BY_CERTIFICATE if order.sealed_password is None else _BY_PASSWORD
                row = rows[mac.bare]
                is_newest = row.taken_digest != "" and row.taken_digest == row.list_digest
                known[mac.bare] = _Known(
                    facts, sealed_for, by, row.list_number if is_newest else 0, row.https_list_at is not None
                )
        yield site, known


class _Maker:
    """Makes sites' trust; what is the same for all of them is read once, and only where a phone needs it."""

    def __init__(self, hub: Hub, session: Session, keys: _EdgeKeys) -> None:
        self._hub = hub
        self._session = session
        self._keys = keys
        self._lists: dict[WhichList, bytes] = {}
        self._is_by_sast_1: bool | None = None
        self._boxes: dict[str, bool] = {}
        self._not_ready: RingfenceError | None = None
        self._was_asked = False

    def completed(self, site: SiteInput, known: dict[str, _Known]) -> SiteInput:
        phones: dict[str, TrustingPhone] = {}
        stay, left = [], list(site.left_out)
        for each in site.phones:
            of_phone = known.get(each.mac.bare, _NOTHING)
            phone = self._led_to_edge(site.site_id, each, of_phone)
            trusting = _trusting(phone, of_phone, has_https=self._has_https(site.site_id, of_phone))
            fault: RingfenceError | None = None
            if trusting.forms != FileForms():
                phones[phone.mac.bare] = trusting
                fault = None if of_phone.facts.may_hold_list else self._why_not_ready()
                fault = fault or _why_unfit(phone)
            if fault is None:
                stay.append(phone)
            else:
                del phones[phone.mac.bare]
                left.append(LeftOutPhone(site.site_id, phone.mac, fault))
        if not phones:
            return replace(site, phones=tuple(stay), left_out=tuple(left))
        signer = trust_keys.signer(self._hub, self._session, TrustRole.TFTP)
        lists = {phone.which_list: self._list(site.site_id, phone.which_list) for phone in phones.values()}
        newest = trust_lists.newest(self._session)
        number = newest.id if newest is not None else 0
        trust = SiteTrust(signer, phones, lists, int(self._hub.clock()), number)
        upgrades = {
            mac: self._led_to_edge(site.site_id, phone, known.get(mac, _NOTHING))
            for mac, phone in site.upgrades.items()
        }
        return replace(site, phones=tuple(stay), upgrades=upgrades, left_out=tuple(left), trust=trust)

    def _led_to_edge(self, site_id: str, phone: PhoneToRender, known: _Known) -> PhoneToRender:
        """Return the phone as it finds TVS at its edge, and goes to CAPF there if it has to and nobody has said how.

        It has to where its certificate is needed and not known, and where it is to do something about it.
        """
        settings, facts = phone.settings, known.facts
        wanted = _wanted(phone)
        server = settings.get(CAPF_SERVER) or urlsplit(str(settings.get(EDGE_URL, ""))).hostname
        if wanted is Trust.OFF or not (server or self._is_of_boxes(site_id)):
            return phone
        is_needed = bool(known.orders_by) or (wanted is Trust.ENCRYPTED and not facts.has_certificate)
        asks = is_needed and facts.takes_signed and settings.get(CAPF_AUTH, _OFF) == _OFF
        found = {**settings, CAPF_SERVER: server or BOX_NAME}
        return replace(phone, settings=found | {CAPF_AUTH: known.orders_by or _BY_CERTIFICATE} if asks else found)

    def _is_of_boxes(self, site_id: str) -> bool:
        if site_id not in self._boxes:
            self._boxes[site_id] = site_tunnels.is_of_boxes(self._session, site_id)
        return self._boxes[site_id]

    def _why_not_ready(self) -> RingfenceError | None:
        if not self._was_asked:
            self._was_asked = True
            try:
                recovery.check_ready_for_signed(self._session, self._hub.clock())
            except RingfenceError as fault:
                self._not_ready = fault
        return self._not_ready

    def _list(self, site_id: str, which: WhichList) -> bytes:
        kind, digest, had_https = which
        if kind is ListOffer.HTTPS or had_https:
            return self._list_of_site(site_id, kind, digest)
        if which not in self._lists:
            if kind is ListOffer.RELEASE:
                made = release_list.release_list(self._hub, self._session, digest)
            else:
                made = trust_lists.trust_list_for(self._session, digest)
            self._lists[which] = made
        return self._lists[which]

    def _list_of_site(self, site_id: str, kind: ListOffer, digest: SigningHash) -> bytes:
        """Return a list that is a site's own, or that is to follow one: no older than its edges' keys."""
        changed_at = int(self._keys.changed_at.get(site_id, 0.0))
        if kind is ListOffer.RELEASE:
            return release_list.release_list(self._hub, self._session, digest, changed_at)
        if kind is ListOffer.FULL and not self._newest_is_by_sast_1():
            return trust_lists.trust_list_for(self._session, digest)
        edges = self._keys.listed[site_id] if kind is ListOffer.HTTPS else ()
        return https_lists.https_list(self._hub, self._session, digest, edges, changed_at)

    def _has_https(self, site_id: str, known: _Known) -> bool:
        """Return whether a phone can find a list of signer version 1.1: an edge has a key, and it knows SAST 1."""
        if site_id not in self._keys.listed:
            return False
        newest = trust_lists.newest(self._session)
        return newest is not None and (self._newest_is_by_sast_1() or known.newest_list >= newest.id)

    def _newest_is_by_sast_1(self) -> bool:
        if self._is_by_sast_1 is None:
            self._is_by_sast_1 = https_lists.newest_is_by_sast_1(self._session)
        return self._is_by_sast_1


def _wanted(phone: PhoneToRender) -> Trust:
    """Return what is wanted of a phone that holds a trust list; off for others, which check no signatures."""
    _family, model = model_of(phone.model)
    return Trust(str(phone.settings.get(TRUST, Trust.OFF))) if SIGNATURE_HASH in model.settings else Trust.OFF


def _trusting(phone: PhoneToRender, known: _Known, *, has_https: bool) -> TrustingPhone:
    withdraws = phone.settings.get(PLAIN_FILES) != KEEP
    transport = _transport(phone) if has_https else Transport.FILES
    forms = forms_of(_wanted(phone), known.facts, withdraws=withdraws, transport=transport)
    digest = _HASHES[str(phone.settings.get(SIGNATURE_HASH, "sha1"))]
    return TrustingPhone(forms, digest, known.sealed_for if forms.encrypted else None, known.had_https)


def _transport(phone: PhoneToRender) -> Transport:
    _family, model = model_of(phone.model)
    known = TRUST_TRANSPORT in model.settings
    return Transport(str(phone.settings.get(TRUST_TRANSPORT, Transport.FILES))) if known else Transport.FILES


def _why_unfit(phone: PhoneToRender) -> TransportUnfit | None:
    """Return why a phone's configuration can't go the way that is wanted; no source says what it then asks for."""
    if _wanted(phone) is not Trust.ENCRYPTED or _transport(phone) is not Transport.HTTPS:
        return None
    return TransportUnfit(
        f"phone {phone.mac} can't have trust=encrypted and trust_transport=https: nobody knows what it would ask for",
        to_do=f"Choose one: ringfence set phone {phone.mac} {TRUST}=signed, or {TRUST_TRANSPORT}=files.",
    )


def prepare(hub: Hub, who: str, site_ids: Sequence[str] | None) -> None:
    """Make due, of these sites or of all, those whose phones find another list or an encrypted file from now on.

    The keys that files are encrypted with are made here, once for a certificate: the library's padding is random, and
    files are not to change without an edit.
    """
    holders = select(PhoneTrustRow, PhoneRow.site_id).join(PhoneRow, PhoneRow.mac == PhoneTrustRow.mac)
    holders = holders.where(PhoneTrustRow.released_at.is_(None))
    if site_ids is not None:
        holders = holders.where(PhoneRow.site_id.in_(site_ids))
    with hub.database.reading() as session:
        newest = trust_lists.newest(session)
        number = newest.id if newest is not None else 0
        rows = session.execute(holders).all()
        due = {site_id for row, site_id in rows if row.list_number < number}
        signed = {row.mac: site_id for row, site_id in rows if row.signed_at is not None}
        certificates = phone_certificates.all_to_encrypt_to(session, signed)
        keys = select(PhoneContentKeyRow.mac, PhoneContentKeyRow.fingerprint)
        made_for = {mac: name for mac, name in session.execute(keys)}  # noqa: C416 - dict() takes a result for a mapping
        lacking = {
            mac: certificate
            for mac, certificate in certificates.items()
            if made_for.get(mac) != fingerprint(certificate)
        }
    if not due and not lacking:
        return
    with hub.change(who) as change:
        for mac, certificate in lacking.items():
            _make_content_key(change, hub.sealer, Mac(mac), certificate)
        due |= {signed[mac] for mac in lacking}
        for site in change.session.scalars(select(SiteRow).where(SiteRow.id.in_(sorted(due)))):
            site.edits += 1


def _make_content_key(change: Change, sealer: Sealer, mac: Mac, certificate: x509.Certificate) -> None:
    made = ContentKey.for_certificate(certificate, secrets.token_bytes(KEY_BYTES))
    name = fingerprint(certificate)
    sealed = sealer.seal(Secret(made.key.hex()), _record(mac, name))
    row = change.session.get(PhoneContentKeyRow, mac.bare)
    if row is None:
        row = PhoneContentKeyRow(mac=mac.bare)
        change.session.add(row)
    row.fingerprint, row.sealed_key, row.encrypted_key, row.made_at = name, sealed, made.encrypted, change.now


def _sealed_for(
    sealer: Sealer, mac: Mac, row: PhoneContentKeyRow | None, certificate: x509.Certificate | None
) -> SealedFor | None:
    """Return to whom a phone's file is encrypted; None without a certificate, or a key that was made for it."""
    if row is None or certificate is None or row.fingerprint != fingerprint(certificate):
        return None
    key = bytes.fromhex(sealer.open(row.sealed_key, _record(mac, row.fingerprint)).reveal())
    return SealedFor(certificate, ContentKey(key, row.encrypted_key))


def _record(mac: Mac, certificate: str) -> str:
    return f"content-key:{mac.bare}:{certificate}"
