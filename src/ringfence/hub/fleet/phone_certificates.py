"""Phones' certificates: what phones have shown by CAPF, and what they are to do about theirs.

Invariants:

- A row is a certificate whose key its phone has proved to hold, or one that was issued for a key that it made.
- An LSC comes of a fresh proof alone, and is stored here before the phone has it.
- What is revoked is accepted no more, whatever it says of itself.
"""

import hmac
import secrets
from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.hub.data.sealing import Sealer
from ringfence.hub.data_errors import SealBroken
from ringfence.hub.errors import NothingToEnd
from ringfence.hub.fleet import phones
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import PhoneRow, SiteRow
from ringfence.hub.store.phone_certificate_models import PhoneCertificateOrderRow, PhoneCertificateRow
from ringfence.identity.certificates import fingerprint, validity
from ringfence.phones.mac import Mac
from ringfence.phones.trust.phone_certificates import CertificateKind, KeyProof
from ringfence.printable import printable
from ringfence.secret import Secret

MOST_KEPT = 8
"""Certificates of one phone: the ones that were seen last."""
ORDER_S = 14 * 86_400
"""How long a phone may take to come."""
KEY_BITS = (1024, 2048)
"""Sizes of RSA keys that phones make; 2048 is usual, and the most that phones are known to take in a list."""
MOST_WRONG_PASSWORDS = 5
_PASSWORD_DIGITS = 10
_READ_AT_ONCE = 500
"""Phones have keys for digits; the known client takes 4 to 16 of them."""
_LONGEST_NAME, _LONGEST_SERIAL = 200, 40


class CertificateOperation(StrEnum):
    """What a phone is to do when it comes to CAPF."""

    FETCH = "fetch"
    """Show its certificate, and give the LSC that it holds."""
    ISSUE = "issue"
    """Make a key, and take a certificate for it."""
    DELETE = "delete"
    """Delete its LSC."""


def of_phone(session: Session, mac: Mac) -> Sequence[PhoneCertificateRow]:
    """Return a phone's certificates, the one that was seen last first."""
    chosen = select(PhoneCertificateRow).where(PhoneCertificateRow.mac == mac.bare)
    order = PhoneCertificateRow.seen_at.desc(), PhoneCertificateRow.fingerprint
    return session.scalars(chosen.order_by(*order).limit(MOST_KEPT)).all()


def get(session: Session, mac: Mac, certificate: x509.Certificate) -> PhoneCertificateRow | None:
    """Return the row of a phone's certificate, if there is one."""
    row: PhoneCertificateRow | None = session.get(PhoneCertificateRow, (mac.bare, fingerprint(certificate)))
    return row


def read(row: PhoneCertificateRow) -> x509.Certificate:
    """Return a row's certificate."""
    return x509.load_der_x509_certificate(row.der)


def to_encrypt_to(session: Session, mac: Mac) -> x509.Certificate | None:
    """Return the certificate by which a phone reads what is encrypted to it: its LSC, otherwise what its maker gave it.

    None if none is known whose key is RSA: phones take no other for that (PHONES.md 5.3).
    """
    return all_to_encrypt_to(session, [mac.bare]).get(mac.bare)


def all_to_encrypt_to(session: Session, macs: Collection[str]) -> Mapping[str, x509.Certificate]:
    """Return ``to_encrypt_to`` of those of these phones that have such a certificate, by their bare addresses."""
    found: dict[str, x509.Certificate] = {}
    wanted = sorted(macs)
    for start in range(0, len(wanted), _READ_AT_ONCE):
        some = wanted[start : start + _READ_AT_ONCE]
        chosen = (
            select(PhoneCertificateRow)
            .where(
                PhoneCertificateRow.mac.in_(some), PhoneCertificateRow.is_stored,
                PhoneCertificateRow.revoked_at.is_(None),
            ).order_by(
                PhoneCertificateRow.mac, (PhoneCertificateRow.kind == CertificateKind.LSC.value).desc(),
                PhoneCertificateRow.seen_at.desc(), PhoneCertificateRow.fingerprint,
            )
        )  # fmt: skip
        for row in session.scalars(chosen):
            if row.mac not in found and isinstance((certificate := read(row)).public_key(), rsa.RSAPublicKey):
                found[row.mac] = certificate
    return found


def take(
    change: Change, mac: Mac, kind: CertificateKind, certificate: x509.Certificate, proof: KeyProof, *,
    is_stored: bool = True,
) -> PhoneCertificateRow:  # fmt: skip
    """Store a certificate that a phone has shown or is to be given; the best proof of one is kept.

    The audit log gets an entry for one that is new, or of which more is known now.
    """
    row = get(change.session, mac, certificate)
    if row is None:
        begins_at, ends_at = validity(certificate)
        row = PhoneCertificateRow(
            mac=mac.bare, fingerprint=fingerprint(certificate), kind=kind.value,
            der=certificate.public_bytes(Encoding.DER), subject=_name(certificate.subject),
            issuer=_name(certificate.issuer), serial=f"{certificate.serial_number:x}"[:_LONGEST_SERIAL],
            begins_at=begins_at, ends_at=ends_at, proof=proof.value, first_seen_at=change.now, seen_at=change.now,
            is_stored=is_stored, revoked_at=None, revoked_by="",
        )  # fmt: skip
        change.session.add(row)
        change.note("phone-certificate.new", str(mac), f"{kind.value.upper()} {row.serial}, {proof}")
        _forget_oldest(change.session, mac)
        return row
    is_better = proof is KeyProof.FRESH and row.proof != KeyProof.FRESH
    if is_better or (is_stored and not row.is_stored):
        change.note("phone-certificate.proof", str(mac), f"{row.kind.upper()} {row.serial}, {proof}")
        row.proof, row.is_stored = (proof.value if is_better else row.proof), row.is_stored or is_stored
    row.seen_at = change.now
    return row


def is_revoked(session: Session, mac: Mac, certificate: x509.Certificate) -> bool:
    """Return whether somebody has revoked a certificate."""
    row = get(session, mac, certificate)
    return row is not None and row.revoked_at is not None


def revoke_issued(change: Change, mac: Mac) -> Sequence[PhoneCertificateRow]:
    """Revoke all certificates that were issued to a phone; return those that were not revoked before."""
    chosen = select(PhoneCertificateRow).where(
        PhoneCertificateRow.mac == mac.bare, PhoneCertificateRow.kind == CertificateKind.LSC.value,
        PhoneCertificateRow.revoked_at.is_(None),
    )  # fmt: skip
    rows = change.session.scalars(chosen).all()
    for row in rows:
        row.revoked_at, row.revoked_by = change.now, change.who
        change.note("phone-certificate.revoke", str(mac), row.serial)
    return rows


def order(
    change: Change, sealer: Sealer, mac: Mac, operation: CertificateOperation, *, key_bits: int = KEY_BITS[-1],
    with_password: bool = False,
) -> tuple[PhoneCertificateOrderRow, Secret | None]:  # fmt: skip
    """Have a phone do something when it comes the next time, in place of what it was to do before.

    Args:
        change: Who wants it.
        sealer: Seals the authentication string.
        mac: The phone's.
        operation: What it is to do.
        key_bits: The size of the key that it makes.
        with_password: Whether somebody types an authentication string at it.

    Returns:
        The order, and the authentication string, which is shown once.

    Raises:
        UnknownPhone: There is no such phone.
    """
    phone = phones.get(change.session, mac)
    if operation is CertificateOperation.DELETE:
        revoke_issued(change, mac)
    password = _new_password() if with_password else None
    sealed = None if password is None else sealer.seal(password, _record(mac))
    row = change.session.get(PhoneCertificateOrderRow, mac.bare)
    if row is None:
        row = PhoneCertificateOrderRow(mac=mac.bare)
        change.session.add(row)
    row.operation, row.key_bits, row.sealed_password = operation.value, key_bits, sealed
    row.wrong_passwords, row.refusal = 0, ""
    row.asked_at, row.asked_by, row.until = change.now, change.who, change.now + ORDER_S
    change.note("phone-certificate.order", str(mac), operation.value)
    _make_due(change, phone)
    return row, password


def waiting(session: Session, mac: Mac, now: float) -> PhoneCertificateOrderRow | None:
    """Return what a phone is to do when it comes; None for nothing."""
    row: PhoneCertificateOrderRow | None = session.get(PhoneCertificateOrderRow, mac.bare)
    return row if row is not None and now < row.until else None


def all_waiting(session: Session, macs: Sequence[str], now: float) -> dict[str, PhoneCertificateOrderRow]:
    """Return what those of these phones (bare addresses) are to do that are to do something."""
    chosen = select(PhoneCertificateOrderRow).where(
        PhoneCertificateOrderRow.mac.in_(macs), PhoneCertificateOrderRow.until > now
    )
    return {row.mac: row for row in session.scalars(chosen)}


def cancel(change: Change, mac: Mac) -> None:
    """Take an order back. NothingToEnd if there is none."""
    row = waiting(change.session, mac, change.now)
    if row is None:
        raise NothingToEnd(f"phone {mac} is to do nothing about its certificate")
    finish(change, row, "taken back")


def finish(change: Change, row: PhoneCertificateOrderRow, what: str) -> None:
    """End an order."""
    change.session.delete(row)
    _make_due(change, phones.get(change.session, Mac(row.mac)))
    change.note("phone-certificate.done", str(Mac(row.mac)), f"{row.operation}: {what}")


def check_password(change: Change, sealer: Sealer, row: PhoneCertificateOrderRow, shown: Secret) -> bool:
    """Return whether a phone shows the order's authentication string; too many wrong ones end the order."""
    if row.sealed_password is None:
        return False
    try:
        expected = sealer.open(row.sealed_password, _record(Mac(row.mac)))
    except SealBroken:
        return False
    if hmac.compare_digest(expected.reveal().encode(), shown.reveal().encode()):
        return True
    row.wrong_passwords += 1
    if row.wrong_passwords >= MOST_WRONG_PASSWORDS:
        finish(change, row, "the authentication string was wrong too often")
    return False


def _make_due(change: Change, phone: PhoneRow) -> None:
    """Have the next publish look at a phone's file: it leads to CAPF while the phone is to do something there."""
    change.session.get_one(SiteRow, phone.site_id).edits += 1


def md5_of(certificate: x509.Certificate) -> str:
    """Return the digest by which a phone's stub file names the certificate that its file is encrypted to."""
    return certificate.fingerprint(hashes.MD5()).hex()  # noqa: S303 - what phones compare (PHONES.md 5.3)


def _forget_oldest(session: Session, mac: Mac) -> None:
    """Keep so many certificates of a phone; none is forgotten that is revoked and still valid."""
    session.flush()
    chosen = select(PhoneCertificateRow).where(
        PhoneCertificateRow.mac == mac.bare, PhoneCertificateRow.revoked_at.is_(None)
    )
    for old in session.scalars(chosen.order_by(PhoneCertificateRow.seen_at.desc()).offset(MOST_KEPT)).all():
        session.delete(old)


def _new_password() -> Secret:
    return Secret("".join(secrets.choice("0123456789") for _digit in range(_PASSWORD_DIGITS)))


def _record(mac: Mac) -> str:
    return f"phone certificate:{mac.bare}"


def _name(name: x509.Name) -> str:
    try:
        return printable(name.rfc4514_string(), _LONGEST_NAME)
    except (ValueError, TypeError):
        return "?"
