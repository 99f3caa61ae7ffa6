"""What the hub decides of a phone's session with CAPF: whose it is, what its proof is worth, and what it is to do.

Invariants:

- A phone is one of the site whose edge it came through; its certificate is checked here, not where frames are parsed.
- A certificate is issued on a fresh proof alone: a proof for this session, or the authentication string.
- Every refusal has a name, goes to the log and opens an alert.
"""

import secrets
from dataclasses import dataclass, field

from ringfence.hub import logs
from ringfence.hub.core import Hub
from ringfence.hub.fleet import phone_certificates, port_authorities
from ringfence.hub.fleet.guard import alerts
from ringfence.hub.fleet.phone_certificates import CertificateOperation
from ringfence.hub.phone_services import organisation_keys
from ringfence.hub.phone_services.local_certificates import LIFETIME_S
from ringfence.hub.phone_services.messages import (
    ConnectionOver,
    DeleteCertificate,
    DeviceShown,
    EndSession,
    FetchCertificate,
    FromServices,
    InstallLsc,
    LscMade,
    OrderDone,
    SessionFailed,
    StoreLsc,
    ToServices,
)
from ringfence.hub.phone_services.process import new_session
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import PhoneRow
from ringfence.identity.certificates import CLOCK_SLACK_S, read_certificate
from ringfence.phones.errors import CertificateRefused
from ringfence.phones.mac import Mac
from ringfence.phones.trust.capf import CapfReason
from ringfence.phones.trust.phone_certificates import (
    CertificateKind,
    Issuers,
    KeyProof,
    ShownCertificate,
    device_mac,
    judge_certificate,
    judge_proof,
)
from ringfence.phones.trust.proof_of_key import ShownProof
from ringfence.phones.trust.proof_of_key import read_certificate as read_der
from ringfence.phones.trust.refusals import SENTENCES, CertificateRefusal, refused

_SERIAL_BYTES = 16
_WHO = "CAPF"
_REVOKED = CertificateRefusal.REVOKED

_log = logs.get("capf")


@dataclass(slots=True)
class PhonesAtWork:
    """The phones whose sessions have not ended: each has one at a time."""

    _macs: set[tuple[str, str]] = field(default_factory=set)

    def begin(self, organisation_id: str, mac: Mac) -> bool:
        """Return whether a phone has no other session."""
        if (organisation_id, mac.bare) in self._macs:
            return False
        self._macs.add((organisation_id, mac.bare))
        return True

    def end(self, organisation_id: str, mac: Mac) -> None:
        """The session of a phone has ended."""
        self._macs.discard((organisation_id, mac.bare))


class CapfDesk:
    """Answers for one connection.

    Args:
        hub: The hub as the organisation of the edge has it.
        site_id: The site whose edge the phone came through.
        source: The MAC address that it came from, as its edge saw it.
        at_work: The phones that have a session.
    """

    def __init__(self, hub: Hub, site_id: str, source: Mac, at_work: PhonesAtWork) -> None:
        self._hub, self._site_id, self._source, self._at_work = hub, site_id, source, at_work
        self.session = new_session()
        self._number = 0
        self._mac: Mac | None = None
        self._proof = KeyProof.REPLAYABLE

    def set_number(self, number: int) -> None:
        """Know the connection's number."""
        self._number = number

    def answer(self, message: FromServices) -> ToServices | None:
        """Return what is to be done about a message."""
        try:
            match message:
                case DeviceShown():
                    return self._on_shown(message)
                case LscMade():
                    return self._on_made(message)
                case OrderDone():
                    return self._on_done(message)
                case SessionFailed():
                    self._refuse(refused(_refusal(message.refusal), message.detail))
                case ConnectionOver() if self._mac is not None:
                    self._at_work.end(self._hub.organisation_id, self._mac)
        except CertificateRefused as fault:
            self._refuse(fault)
            unknown = fault.refusal == CertificateRefusal.UNKNOWN_PHONE
            return EndSession(self._number, CapfReason.UNKNOWN_DEVICE if unknown else CapfReason.INVALID_ELEMENT)
        return None

    def _on_shown(self, message: DeviceShown) -> ToServices:
        mac = device_mac(message.device_name)
        with self._hub.database.reading() as session:
            phone = session.get(PhoneRow, mac.bare)
        if phone is None or phone.site_id != self._site_id:
            raise refused(CertificateRefusal.UNKNOWN_PHONE, message.device_name)
        if mac != self._source:
            raise refused(CertificateRefusal.OTHER_SOURCE, message.device_name)
        if not self._at_work.begin(self._hub.organisation_id, mac):
            raise refused(CertificateRefusal.BUSY)
        self._mac = mac
        with self._hub.change(_WHO) as change:
            shown, fault = self._judged(change, message)
            order = phone_certificates.waiting(change.session, mac, change.now)
            is_told = (
                order is not None
                and message.password.reveal() != ""
                and phone_certificates.check_password(change, self._hub.sealer, order, message.password)
            )
            if fault is None and shown is not None:
                self._proof = KeyProof.FRESH if is_told else shown.proof
                phone_certificates.take(change, mac, shown.certificate.kind, shown.certificate.certificate, self._proof)
        if order is None:
            if fault is not None:
                raise fault
            return EndSession(self._number, CapfReason.NO_ACTION)
        if order.sealed_password is not None and not is_told:
            raise refused(CertificateRefusal.WRONG_PASSWORD)
        operation = CertificateOperation(order.operation)
        # What is revoked is still deleted where it is.
        is_deleting = operation is CertificateOperation.DELETE and fault is not None and fault.refusal == _REVOKED
        if fault is not None and not is_told and not is_deleting:
            raise fault
        self._proof = KeyProof.FRESH if is_told else self._proof
        return self._ordered(operation, order.key_bits)

    def _judged(
        self, change: Change, message: DeviceShown
    ) -> tuple[ShownCertificate | None, CertificateRefused | None]:
        """Return what the phone's certificate proves, or why it proves nothing."""
        proof = ShownProof(
            message.device_name, message.certificate, message.signed_data, message.sha2_signed_data, message.sudi_data
        )
        try:
            shown = judge_proof(proof, self.session, issuers(change), change.now)
            held = shown.certificate.certificate
            if shown.certificate.is_expired and not self._hub.config.expired_phone_certificates:
                raise refused(CertificateRefusal.EXPIRED, f"{held.not_valid_after_utc:%Y-%m-%d}")
            if phone_certificates.is_revoked(change.session, device_mac(message.device_name), held):
                raise refused(CertificateRefusal.REVOKED, f"{held.serial_number:x}")
        except CertificateRefused as fault:
            return None, fault
        return shown, None

    def _ordered(self, operation: CertificateOperation, key_bits: int) -> ToServices:
        match operation:
            case CertificateOperation.FETCH:
                return FetchCertificate(self._number)
            case CertificateOperation.DELETE:
                return DeleteCertificate(self._number)
            case CertificateOperation.ISSUE:
                if self._proof is not KeyProof.FRESH:
                    raise refused(CertificateRefusal.NOT_FRESH)
                now = self._hub.clock()
                serial = secrets.token_hex(_SERIAL_BYTES - 1)
                return InstallLsc(self._number, key_bits, "1" + serial, now - CLOCK_SLACK_S, now + LIFETIME_S)

    def _on_made(self, message: LscMade) -> ToServices:
        """Store a certificate before the phone gets it, if the order still stands."""
        mac = self._known()
        with self._hub.change(_WHO) as change:
            order = phone_certificates.waiting(change.session, mac, change.now)
            certificate = read_der(message.certificate)
            own = Issuers((), issuers(change).own)
            judge_certificate(certificate, mac, own, change.now)
            if order is None or order.operation != CertificateOperation.ISSUE or self._proof is not KeyProof.FRESH:
                raise refused(CertificateRefusal.NOT_FRESH)
            phone_certificates.take(change, mac, CertificateKind.LSC, certificate, self._proof, is_stored=False)
        return StoreLsc(self._number)

    def _on_done(self, message: OrderDone) -> ToServices:
        mac = self._known()
        with self._hub.change(_WHO) as change:
            order = phone_certificates.waiting(change.session, mac, change.now)
            if message.certificate:
                certificate = read_der(message.certificate)
                judged = judge_certificate(certificate, mac, issuers(change), change.now)
                row = phone_certificates.get(change.session, mac, certificate)
                # What a phone hands out is only worth what is known of it: it has signed nothing with this key.
                if row is not None:
                    phone_certificates.take(change, mac, judged.kind, certificate, KeyProof(row.proof))
            if order is not None:
                phone_certificates.finish(change, order, "done")
        return EndSession(self._number, CapfReason.UPDATE_CERTIFICATE)

    def _known(self) -> Mac:
        if self._mac is None:
            raise refused(CertificateRefusal.NOT_CAPF, "out of order")
        return self._mac

    def _refuse(self, fault: CertificateRefused) -> None:
        """Tell of a refusal: in the log, as the order's last try, and as an alert."""
        _log.warning(
            "phone refused", site=self._site_id, refusal=fault.refusal, detail=fault.where, source=str(self._source)
        )
        subject = (self._mac or self._source).bare
        with self._hub.change(_WHO) as change:
            order = phone_certificates.waiting(change.session, self._mac, change.now) if self._mac is not None else None
            if order is not None:
                order.refusal = fault.refusal
            told = f" ({fault.where})" if fault.where else ""
            who = f"Phone {self._mac}" if self._mac is not None else f"What is at {self._source}"
            sentence = f"{who} was refused: {fault.what}{told}."
            alerts.raise_alert(change, self._site_id, alerts.PHONE_KEY_REFUSED, subject, sentence)


def issuers(change: Change) -> Issuers:
    """Return the CAs that count for an organisation's phones."""
    makers = [read_certificate(row.pem) for row in port_authorities.all_of(change.session)]
    return Issuers(makers, organisation_keys.capf_certificates(change.session))


def _refusal(word: str) -> CertificateRefusal:
    return CertificateRefusal(word) if word in set(SENTENCES) else CertificateRefusal.NOT_CAPF
