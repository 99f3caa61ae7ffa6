"""Keys and certificates of a trust list's roles: fixed ones for golden files, and quick ones for the rest."""

import datetime as dt
import functools
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import NameOID

from ringfence.phones.trust.roles import SigningHash

FILES = Path(__file__).parent.parent / "phones" / "trust" / "files"
BEGAN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
SIGNED_AT = 1_767_225_600
"""The same moment, as headers have it."""
_HASHES = {SigningHash.SHA1: hashes.SHA1, SigningHash.SHA512: hashes.SHA512}
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class SignerInHand:
    """A role's key in this process."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey

    def sign(self, data: bytes, digest: SigningHash) -> bytes:
        return self.key.sign(data, padding.PKCS1v15(), _HASHES[digest]())


def name(common: str, unit: str = "Telephony", organisation: str = "Example, Ltd") -> x509.Name:
    """Return a subject in the order in which certificates mostly have it; the organisation's comma is on purpose."""
    pairs = (
        (NameOID.COMMON_NAME, common),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, unit),
        (NameOID.ORGANIZATION_NAME, organisation),
    )
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in pairs])


def certificate_for(
    key: PrivateKey, subject: x509.Name, *, serial: int = 0x0102, issuer: x509.Name | None = None,
    issued_by: PrivateKey | None = None, days: int = 3650,
) -> x509.Certificate:  # fmt: skip
    """Return a certificate: the same bytes each time if the key that signs it is RSA."""
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(BEGAN)
        .not_valid_after(BEGAN + dt.timedelta(days=days))
        .sign(issued_by or key, hashes.SHA256())
    )


@functools.cache
def fixed_key(which: str) -> PrivateKey:
    """Return a committed key: ``sast``, ``tftp``, ``other``, ``phone``, or ``curve``."""
    key = load_pem_private_key((FILES / f"{which}.key").read_bytes(), None)
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise TypeError(which)
    return key


@functools.cache
def fixed_signer(which: str, serial: int = 0x0102) -> SignerInHand:
    """Return a committed RSA key with a certificate named after it."""
    key = fixed_key(which)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError(which)
    return SignerInHand(certificate_for(key, name(which.upper()), serial=serial), key)
