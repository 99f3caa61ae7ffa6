"""The keys by which edges give phones their configurations over HTTPS: their certificates, made and checked.

They have the form of the reference's (usecallmanagernz/certutils, mkcert), whose certificates phones are known to take:
an elliptic curve, signed by itself with SHA-256, with CN, O and OU. Phones go by their trust list, which names the
certificate itself. Keys, serial numbers and times are arguments.
"""

import datetime as dt
import re
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ringfence.identity.certificates import DAY_S, PrivateKey, validity
from ringfence.identity.errors import BadRequestForCertificate

LIFETIME_S: Final = 10 * 365 * DAY_S
LARGEST_BYTES: Final = 1024
"""Of a certificate in DER; one that is made here has some 600."""
_LARGEST_PEM_BYTES: Final = 2 * LARGEST_BYTES
_LEAST_LEFT_S: Final = 365 * DAY_S
_ORGANISATION, _UNIT = "Ringfence", "Ringfence edge"
_LAST_MOMENT = dt.datetime(2049, 12, 31, tzinfo=dt.UTC).timestamp()
"""Certificates that end later have another form of time (RFC 5280, 4.1.2.5), which nobody has tried with phones."""
_USAGE: Final = x509.KeyUsage(
    digital_signature=True, key_encipherment=False, data_encipherment=False, key_cert_sign=True, crl_sign=False,
    content_commitment=False, key_agreement=True, encipher_only=False, decipher_only=False,
)  # fmt: skip


def make_edge_tls(key: PrivateKey, edge_id: str, *, serial: int, now: float) -> x509.Certificate:
    """Return the certificate of an edge's key for phones, signed by that key.

    Args:
        key: The key, on P-256.
        edge_id: The edge, which the subject names.
        serial: Its serial number, positive and of 16 bytes at most; its end tells the edge's keys apart.
        now: Unix seconds.
    """
    name = f"{edge_id}-{serial & 0xFFFFFFFF:08x}"
    values = (
        (NameOID.COMMON_NAME, name), (NameOID.ORGANIZATIONAL_UNIT_NAME, _UNIT),
        (NameOID.ORGANIZATION_NAME, _ORGANISATION),
    )  # fmt: skip
    subject = x509.Name([x509.NameAttribute(kind, value) for kind, value in values])
    begins = now // DAY_S * DAY_S - DAY_S  # a whole day back: phones' clocks differ
    return (
        x509.CertificateBuilder()
        .subject_name(subject).issuer_name(subject).public_key(key.public_key()).serial_number(serial)
        .not_valid_before(dt.datetime.fromtimestamp(begins, dt.UTC))
        .not_valid_after(dt.datetime.fromtimestamp(min(begins + LIFETIME_S, _LAST_MOMENT), dt.UTC))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_USAGE, critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip


def read_edge_tls(pem: str, edge_id: str, now: float) -> x509.Certificate:
    """Parse and check the certificate that an edge offers for its own key.

    Args:
        pem: What it offers.
        edge_id: The edge that offers it.
        now: Unix seconds.

    Raises:
        BadRequestForCertificate: It is none of this form, not this edge's, not signed by its own key, or does not last
            a year.
    """
    if len(pem) > _LARGEST_PEM_BYTES or "PRIVATE KEY" in pem:
        raise _bad("it is longer than such a certificate, or holds more")
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
        key = certificate.public_key()
        certificate.verify_directly_issued_by(certificate)
        names = [(each.oid, str(each.value)) for each in certificate.subject]
        size = len(certificate.public_bytes(Encoding.DER))
    except (ValueError, TypeError, InvalidSignature):
        raise _bad("it can't be read, or its own key has not signed it") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise _bad("its key is not one on P-256")
    kinds = [oid for oid, _value in names]
    wanted = [NameOID.COMMON_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME, NameOID.ORGANIZATION_NAME]
    if kinds != wanted or re.fullmatch(rf"{re.escape(edge_id)}-[0-9a-f]{{8}}", names[0][1]) is None:
        raise _bad(f"it does not name edge {edge_id}")
    if [value for _oid, value in names[1:]] != [_UNIT, _ORGANISATION] or size > LARGEST_BYTES:
        raise _bad("its subject is another one, or it is too large")
    begins, ends = validity(certificate)
    if begins > now or ends < now + _LEAST_LEFT_S or certificate.serial_number.bit_length() > 8 * 16:
        raise _bad("it is not valid now and for a year more; compare the clocks of the edge and of the hub")
    return certificate


def _bad(why: str) -> BadRequestForCertificate:
    return BadRequestForCertificate(
        f"an edge's certificate for phones by HTTPS can't be used: {why}", to_do="The edge makes another one."
    )
