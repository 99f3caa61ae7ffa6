"""What a PBX gets for SIP over TLS: the key of the role CCM, and what it is to know of phones' certificates.

This is the only way on which a private key of the phones' trust leaves the hub, and the audit log says who took it.
What each PBX was given last is kept (``pbx_certificates.py``).
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from ringfence.counted import counted
from ringfence.hub.core import Hub
from ringfence.hub.fleet import phone_certificates, phones, settings, sites
from ringfence.hub.fleet.settings import SettingPlace
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import PhoneRow
from ringfence.hub.store.phone_certificate_models import PhoneCertificateRow
from ringfence.hub.store.trust_models import PbxTlsExportRow, TrustKeyRow
from ringfence.hub.trust import pbx_certificates, trust_keys
from ringfence.hub.trust.errors import PhonesWithoutCertificate
from ringfence.hub.trust.trust_keys import KeyState
from ringfence.identity.certificates import to_pem
from ringfence.phones.families import model as model_of
from ringfence.phones.mac import Mac
from ringfence.phones.settings.types import Scope
from ringfence.phones.sip.pbx_accounts import USERS, is_sip_user
from ringfence.phones.sip.pbx_tls import DemandedCertificates, PbxTls, TlsPbx, check_folder, tls_files
from ringfence.secret import Secret

_OLD = frozenset({"1.0", "1.1"})
"""TLS versions that PBXes refuse unless they are told otherwise."""
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class PbxExport:
    """Files for a PBX, one of which is the private key, and what to know about them."""

    files: dict[str, str]
    fingerprint: str
    """The certificate's SHA-256."""
    warnings: list[str]


@dataclass(frozen=True, slots=True)
class _PhoneOfPbx:
    """One phone as a PBX is to know it."""

    row: PhoneRow
    speaks_tls: bool
    is_old: bool
    has_certificate: bool

    @property
    def mac(self) -> Mac:
        return Mac(self.row.mac)

    @property
    def users(self) -> set[str]:
        """By what it registers, and answers challenges."""
        return {name for line in self.row.lines for name in (line.name, line.auth_name) if name}


def export(
    hub: Hub, change: Change, pbx: TlsPbx, folder: str, *, site_id: str | None = None, demands: bool = False,
    leaves_out: bool = False,
) -> PbxExport:  # fmt: skip
    """Return what a PBX is to have for SIP over TLS. It holds the private key; the audit log says who took it.

    Args:
        hub: The organisation's hub.
        change: Who takes it, and when.
        pbx: The kind of PBX.
        folder: Where the files are at the PBX.
        site_id: Whose phones it is for; all sites' otherwise.
        demands: Whether it is to demand phones' certificates.
        leaves_out: Whether to do so though phones have none, which it then refuses.

    Raises:
        UnknownSite: There is no such site.
        TrustNotInitialised: There are no keys.
        UnfitAccount: The folder's path can't stand in the configuration.
        PhonesWithoutCertificate: Phones have none that could be demanded; they are named.
        RingfenceError: The key can't be had.
    """
    check_folder(folder)
    session = change.session
    site = "" if site_id is None else sites.get(session, site_id).id
    key = pbx_certificates.due_key(session)
    found = list(_phones(session, site or None, change.now))
    old = Counter(each.row.model for each in found if each.speaks_tls and each.is_old)
    warnings = list(_warnings(pbx, found, old, key, demands=demands))
    demanded = None
    if demands:
        _check_certificates(found, leaves_out=leaves_out)
        demanded = _demanded(session, found, change.now)
        warnings += _unfit(found)
    tls = PbxTls(
        key.certificate, Secret(trust_keys.pem_of(hub, key).decode()), folder, takes_old=bool(old), demanded=demanded
    )
    known = pbx_certificates.known(session, site, change.now) if demands else ""
    row = session.get(PbxTlsExportRow, (pbx.value, site))
    if row is None:
        row = PbxTlsExportRow(pbx=pbx.value, site_id=site)
        session.add(row)
    row.key_id, row.takes_old, row.demands = key.id, bool(old), demands
    row.known, row.made_at, row.made_by = known, change.now, change.who
    change.note(
        "trust.export-pbx", pbx, f"the key of ccm with the certificate {key.fingerprint}, {site or 'all sites'}"
    )
    return PbxExport(tls_files(pbx, tls), key.fingerprint, warnings)


def too_new(session: Session, row: PbxTlsExportRow, now: float) -> str:
    """Return in a sentence which phones can't speak to a PBX as it was told to speak TLS; empty for none."""
    if row.takes_old:
        return ""
    found = _phones(session, row.site_id or None, now, only_old=True)
    models = Counter(each.row.model for each in found if each.speaks_tls)
    if not models:
        return ""
    return (
        f"{pbx_certificates.named(row)} speaks TLS 1.2 and newer alone, which "
        f"{counted(models.total(), 'phone does', 'phones do')} not know: {_counted_models(models)}. "
        f"Give it what is newer: {pbx_certificates.command(row)} --replace"
    )


def _counted_models(models: Counter[str]) -> str:
    return ", ".join(f"{model} ({count})" for model, count in sorted(models.items()))


def _phones(session: Session, site_id: str | None, now: float, *, only_old: bool = False) -> Iterator[_PhoneOfPbx]:
    current = pbx_certificates.issued(now).where(PhoneCertificateRow.revoked_at.is_(None))
    certified = set(session.scalars(current.with_only_columns(PhoneCertificateRow.mac)))
    for row in phones.find(session, site_id):
        _family, model = model_of(row.model)
        is_old = model.tls_ceiling.value in _OLD
        if only_old and not is_old:
            continue
        given = settings.effective(session, SettingPlace(Scope.PHONE, row.mac))
        transport = next((each.value for each in given if each.setting.name == "sip_transport"), None)
        yield _PhoneOfPbx(row, transport == "tls", is_old, row.mac in certified)


def _check_certificates(found: Sequence[_PhoneOfPbx], *, leaves_out: bool) -> None:
    without = [str(each.mac) for each in found if each.speaks_tls and not each.has_certificate]
    if without and not leaves_out:
        names = ", ".join(without[:_MOST_NAMED]) + (" and others" if len(without) > _MOST_NAMED else "")
        raise PhonesWithoutCertificate(
            f"{counted(len(without), 'phone')} with SIP over TLS could not show a certificate that was issued to "
            f"{'it' if len(without) == 1 else 'them'}: {names}",
            to_do="Issue them: ringfence phone certificate MAC issue. With --leave-out the PBX refuses these phones.",
        )


def _demanded(session: Session, found: Sequence[_PhoneOfPbx], now: float) -> DemandedCertificates:
    certified = [each for each in found if each.has_certificate]
    others = {user for each in found if not (each.has_certificate and each.speaks_tls) for user in each.users}
    revoked = pbx_certificates.issued(now).where(PhoneCertificateRow.revoked_at.is_not(None))
    return DemandedCertificates(
        authorities=tuple(row.certificate for row in pbx_certificates.issuers(session, now)),
        users={f"SEP{each.mac.bare}": sorted(filter(is_sip_user, each.users)) for each in certified},
        only_by_tls=frozenset(
            user for each in certified if each.speaks_tls for user in each.users - others if is_sip_user(user)
        ),
        revoked=frozenset(
            hashlib.sha256(to_pem(phone_certificates.read(row)).encode()).hexdigest()
            for row in session.scalars(revoked)
        ),
    )


def _unfit(found: Sequence[_PhoneOfPbx]) -> list[str]:
    return [
        f"Left out: {user[:60]!r} of phone {each.mac} is not a valid user at every PBX. {USERS}"
        for each in found
        if each.has_certificate
        for user in sorted(each.users)
        if not is_sip_user(user)
    ]


def _warnings(
    pbx: TlsPbx, found: Sequence[_PhoneOfPbx], old: Counter[str], key: TrustKeyRow, *, demands: bool
) -> Iterator[str]:
    if old:
        yield (
            f"TLS 1.0 is allowed, which is broken, since {counted(old.total(), 'phone knows', 'phones know')} nothing "
            f"better: {_counted_models(old)}. Whoever is on the way may read what these say to the PBX. A "
            "tunnel protects better."
        )
    if not any(each.speaks_tls for each in found):
        yield "No phone has SIP over TLS yet: ringfence set site SITE trust=signed protect_calls=tls"
    if key.state == KeyState.NEXT.value:
        yield (
            "The key of ccm is being changed, and this is the new one, which every phone knows. Once the PBX has it, "
            "take the next step: ringfence trust rotate ccm"
        )
    if demands and pbx is TlsPbx.ASTERISK:
        yield (
            "Asterisk takes every certificate that was issued here for any account whose password is right, and one "
            "that was revoked until it ends: it can compare neither. Kamailio compares both."
        )
