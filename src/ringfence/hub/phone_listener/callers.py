"""Whose a request at the listener is: the phone of its certificate, of whatever organisation.

Invariants:

- A certificate counts for the phone that it names, in an organisation that trusts its issuer, and for no other.
- It is judged with each request: one that is revoked between two requests of a connection counts no more.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.hub import within
from ringfence.hub.core import Hub
from ringfence.hub.fleet import phone_certificates, phone_https, port_authorities
from ringfence.hub.fleet.phone_https import UrlKeyUse
from ringfence.hub.phone_listener.messages import FileAsked
from ringfence.hub.phone_services import organisation_keys
from ringfence.hub.store.models import PhoneRow
from ringfence.hub.store.organisation_models import OrganisationRow
from ringfence.identity.certificates import read_certificate
from ringfence.phones.errors import CertificateRefused
from ringfence.phones.families import model as model_of
from ringfence.phones.filenames import owner_of
from ringfence.phones.mac import Mac
from ringfence.phones.trust.client_identity import NamedPhone, check_agent, judge_client, named_phone, read_client
from ringfence.phones.trust.phone_certificates import CertificateKind, Issuers, PhoneCertificate
from ringfence.phones.trust.refusals import CertificateRefusal, refused

ISSUERS_KEPT_S = 5.0
_OLD_TLS = "1.0"
_WHO = "phone listener"


@dataclass(frozen=True, slots=True)
class AskingPhone:
    """Who asks, as far as it is proved.

    Args:
        hub: The hub as the organisation has it.
        site_id: The site whose files are meant.
        phone: The phone that it is, proved; None for nobody.
        certificate: By what; None for nobody.
        refusal: Why what was shown proves nothing.
        known_by: Why it is known without a certificate; empty if it is not.
    """

    hub: Hub
    site_id: str
    phone: Mac | None = None
    certificate: PhoneCertificate | None = None
    refusal: CertificateRefused | None = None
    known_by: str = ""


class Callers:
    """Finds out who asks.

    Args:
        hub: The hub, of any organisation.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._issuers: dict[str, tuple[float, Issuers]] = {}

    def of(self, asked: FileAsked, name: str, *, at_old: bool, now: float) -> AskingPhone | None:
        """Return who asks for a file; None where it is about no phone of this hub.

        Args:
            asked: The request.
            name: The file's.
            at_old: Whether it came to the address for old phones.
            now: Unix seconds.
        """
        if not asked.certificate:
            return self._nobody(owner_of(name))
        return self._by_certificate(asked, name, at_old=at_old, now=now)

    def by_key(self, used: UrlKeyUse) -> AskingPhone | None:
        """Return who uses a key in a URL, which its first use binds; None if there is no such key."""
        with within.everywhere(self._hub).database.reading() as session:
            found = phone_https.phones_of(session, used.key)
        for organisation_id, bare in found:
            hub, mac = within.organisation(self._hub, organisation_id), Mac(bare)
            with hub.database.reading() as session:
                site_id = session.get_one(PhoneRow, bare).site_id
            try:
                with hub.change(_WHO) as change:
                    phone_https.use(change, mac, used)
            except CertificateRefused as fault:
                return AskingPhone(hub, site_id, refusal=fault)
            known = f"its URL holds the key of phone {mac}, which whoever sees the URL has; nothing proves more"
            return AskingPhone(hub, site_id, mac, known_by=known)
        return None

    def _by_certificate(self, asked: FileAsked, name: str, *, at_old: bool, now: float) -> AskingPhone | None:
        try:
            certificate = read_client(asked.certificate)
            named = named_phone(certificate)
        except CertificateRefused as fault:
            return self._nobody(owner_of(name), fault)
        found = self._phones(named.mac)
        if not found:
            return self._nobody(owner_of(name), refused(CertificateRefusal.UNKNOWN_PHONE, str(named.mac)))
        last = None
        for organisation_id, site_id, model in found:
            hub = within.organisation(self._hub, organisation_id)
            try:
                judged = self._judge(hub, certificate, named, model, asked, at_old=at_old, now=now)
            except CertificateRefused as fault:
                is_nearer = last is None or fault.refusal != CertificateRefusal.FOREIGN_ISSUER
                last = AskingPhone(hub, site_id, refusal=fault) if is_nearer else last
                continue
            return AskingPhone(hub, site_id, named.mac, judged)
        return last

    def _judge(
        self, hub: Hub, certificate: x509.Certificate, named: NamedPhone, model: str, asked: FileAsked, *,
        at_old: bool, now: float,
    ) -> PhoneCertificate:  # fmt: skip
        if at_old and model_of(model)[1].tls_ceiling.value not in {_OLD_TLS, ""}:
            raise refused(CertificateRefusal.OLD_ADDRESS, model)
        with hub.database.reading() as session:
            before = _makers_of(session, named.mac)
            judged = judge_client(certificate, model, self._issuers_of(hub, session, now), now, before)
            if phone_certificates.is_revoked(session, named.mac, certificate):
                raise refused(CertificateRefusal.REVOKED, f"{certificate.serial_number:x}")
        if judged.is_expired and not hub.config.expired_phone_certificates:
            raise refused(CertificateRefusal.EXPIRED, f"{certificate.not_valid_after_utc:%Y-%m-%d}")
        check_agent(asked.user_agent, named)
        return judged

    def _issuers_of(self, hub: Hub, session: Session, now: float) -> Issuers:
        kept = self._issuers.get(hub.organisation_id)
        if kept is None or not 0 <= now - kept[0] < ISSUERS_KEPT_S:
            makers = [read_certificate(row.pem) for row in port_authorities.all_of(session)]
            kept = now, Issuers(makers, organisation_keys.capf_certificates(session))
            self._issuers[hub.organisation_id] = kept
        return kept[1]

    def _nobody(self, owner: Mac | None, refusal: CertificateRefused | None = None) -> AskingPhone | None:
        """Return the caller who is nobody, with the site of the phone whose file is meant."""
        found = self._phones(owner) if owner is not None else ()
        if not found:
            return None
        organisation_id, site_id, _model = found[0]
        return AskingPhone(within.organisation(self._hub, organisation_id), site_id, refusal=refusal)

    def _phones(self, mac: Mac) -> Sequence[tuple[str, str, str]]:
        chosen = (
            select(PhoneRow.organisation_id, PhoneRow.site_id, PhoneRow.model)
            .join(OrganisationRow, OrganisationRow.id == PhoneRow.organisation_id)
            .where(PhoneRow.mac == mac.bare, OrganisationRow.removed_at.is_(None))
            .order_by(PhoneRow.organisation_id)
        )
        with within.everywhere(self._hub).database.reading() as session:
            return [(row[0], row[1], row[2]) for row in session.execute(chosen)]


def _makers_of(session: Session, mac: Mac) -> list[x509.Certificate]:
    rows = phone_certificates.of_phone(session, mac)
    return [phone_certificates.read(row) for row in rows if row.kind == CertificateKind.MIC]
