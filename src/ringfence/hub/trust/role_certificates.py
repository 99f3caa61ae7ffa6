"""Certificates of the keys of an organisation's trust: how they are made, and what is taken for SAST 2's.

All have the form of the reference's (usecallmanagernz/certutils, mkcert), whose certificates phones are known to take:
signed by themselves with SHA-256, RSA of 2048 bits (phones' limit, PHONES.md 5.4), with CN, O and OU, the CN as DNS
name, CA with no CA below, and the same usages whatever the role. What a key may do is said by its role in the list
alone, so that a narrower certificate would protect nothing and might be refused by a phone that nobody has tried.
"""

import datetime as dt
import re
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ringfence.hub.trust.errors import BadRecoveryCertificate, TrustClockWrong
from ringfence.hub.trust.key_roles import KeyRole
from ringfence.identity.certificates import validity

KEY_BITS: Final = 2048
PUBLIC_EXPONENT: Final = 65537
LARGEST_PEM_BYTES: Final = 8 * 1024
_IPSEC_END_SYSTEM: Final = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.5")  # RFC 2459; cryptography has no name for it
_SERIAL_BYTES: Final = 16
"""As the reference's."""
_DAY_S = 86_400
_LAST_MOMENT = dt.datetime(2049, 12, 31, tzinfo=dt.UTC).timestamp()
"""Certificates that end later have another form of time (RFC 5280, 4.1.2.5), which nobody has tried with phones."""
_EARLIEST, _LATEST = (dt.datetime(year, 1, 1, tzinfo=dt.UTC).timestamp() for year in (2025, 2040))
"""Between these a clock is believed."""
_LEAST_LEFT_S = 5 * 365 * _DAY_S
"""How long the certificate of a recovery key has to last still when it is taken."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 .-]{0,63}")
"""What a name in a certificate may be: phones read it as a text in which other signs would need quoting."""


def serial_from(random: bytes) -> int:
    """Return a serial number from 16 random bytes: positive, and 16 bytes long."""
    return int.from_bytes(random[:_SERIAL_BYTES]) & ~(3 << 126) | 1 << 126


def check_clock(now: float) -> None:
    """Raise TrustClockWrong where a clock shows a time at which no certificate should be made."""
    if not _EARLIEST <= now < _LATEST:
        shown = f"{dt.datetime.fromtimestamp(now, dt.UTC):%Y-%m-%d}" if 0 <= now < _LAST_MOMENT else "no date"
        raise TrustClockWrong(
            f"the clock of this machine shows {shown}, and certificates are made by it",
            to_do="Set the clock and do it again.",
        )


def make(
    role: KeyRole, organisation_id: str, key_id: str, key: rsa.RSAPrivateKey, *, serial: int, now: float
) -> x509.Certificate:
    """Return the certificate of a new key, signed by itself.

    Args:
        role: What it is for.
        organisation_id: Whose it is.
        key_id: What tells it from all other keys of all hubs; it is part of the subject.
        key: The key, wherever it is kept.
        serial: Its serial number (``serial_from``).
        now: The time, in Unix seconds.

    Raises:
        TrustClockWrong: The time can't be right.
    """
    check_clock(now)
    name = f"{role}-{key_id.rpartition('-')[2]}"
    values = (
        (NameOID.COMMON_NAME, name),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, f"Ringfence {role}"),
        (NameOID.ORGANIZATION_NAME, organisation_id),
    )
    subject = x509.Name([x509.NameAttribute(kind, value) for kind, value in values])
    begin = now // _DAY_S * _DAY_S - _DAY_S  # a whole day back: phones' clocks differ
    end = min(now // _DAY_S * _DAY_S + role.lifetime_s, _LAST_MOMENT)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject).issuer_name(subject).public_key(key.public_key()).serial_number(serial)
        .not_valid_before(dt.datetime.fromtimestamp(begin, dt.UTC))
        .not_valid_after(dt.datetime.fromtimestamp(end, dt.UTC))
    )  # fmt: skip
    usages = [
        ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH, _IPSEC_END_SYSTEM,
    ]  # fmt: skip
    return (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_KEY_USAGE, critical=False)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )


def read_recovery(pem: str, now: float) -> x509.Certificate:
    """Parse and check a certificate that is to be SAST 2's, which was made elsewhere.

    Raises:
        BadRecoveryCertificate: It can't be: phones would not take it, or whoever gives it has no such key.
        TrustClockWrong: It is not valid yet by this machine's clock, or not for long.
    """
    check_clock(now)
    if "PRIVATE KEY" in pem or len(pem) > LARGEST_PEM_BYTES:
        raise _bad("it holds more than a certificate")
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
        key = certificate.public_key()
        certificate.verify_directly_issued_by(certificate)
    except (ValueError, TypeError, InvalidSignature):
        raise _bad("it can't be read, or its own key has not signed it") from None
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size != KEY_BITS:
        raise _bad(f"phones take RSA keys of {KEY_BITS} bits")
    for kind in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME):
        values = certificate.subject.get_attributes_for_oid(kind)
        if len(values) != 1 or _NAME.fullmatch(str(values[0].value)) is None:
            raise _bad("its subject needs one CN, one O and one OU, of letters, digits, spaces, dots and hyphens")
    begins, ends = validity(certificate)
    if begins > now or ends < now + _LEAST_LEFT_S:
        raise TrustClockWrong(
            "the certificate of the recovery key is not valid yet by the hub's clock, or not for five years more",
            to_do="Compare the clocks of this machine and of the hub's, and do it again.",
        )
    return certificate


def _bad(why: str) -> BadRecoveryCertificate:
    return BadRecoveryCertificate(
        f"the certificate of the recovery key can't be used: {why}", to_do="Let `ringfence trust init` make it."
    )


_KEY_USAGE: Final = x509.KeyUsage(
    digital_signature=True, key_encipherment=True, data_encipherment=True, key_cert_sign=True, crl_sign=True,
    content_commitment=False, key_agreement=False, encipher_only=False, decipher_only=False,
)  # fmt: skip
