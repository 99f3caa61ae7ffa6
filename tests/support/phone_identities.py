"""Phones' keys and certificates, and those of CAPF and TVS, without a folder."""

import datetime as dt
import functools
import tempfile
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from ringfence.hub.phone_services.messages import UseKeys
from ringfence.secret import Secret
from ringfence.sim.capf_client import PhoneIdentity
from support.makers import NOW, Maker

DAY = dt.timedelta(days=1)


@functools.cache
def key_number(_number: int, bits: int = 2048) -> rsa.RSAPrivateKey:
    """One of a few keys: making one takes long."""
    return rsa.generate_private_key(65537, bits)


@functools.cache
def cisco() -> Maker:
    return Maker("Cisco Systems", key_number(100))


@functools.cache
def forger() -> Maker:
    """It calls itself what the maker does."""
    return Maker("Cisco Systems", key_number(101))


def identity(
    common: str,
    maker: Maker | None = None,
    *,
    key: int = 1,
    begins: dt.timedelta = -10 * DAY,
    ends: dt.timedelta = 30 * DAY,
) -> PhoneIdentity:
    """A phone's certificate of a maker."""
    maker, phones = maker or cisco(), key_number(key)
    names = (NameOID.ORGANIZATION_NAME, "Cisco Systems Inc."), (NameOID.COMMON_NAME, common)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(oid, value) for oid, value in names]))
        .issuer_name(maker.certificate.subject)
        .public_key(phones.public_key())
        .serial_number(7)
        .not_valid_before(NOW + begins)
        .not_valid_after(NOW + ends)
        .sign(maker.key, hashes.SHA256())
    )
    return PhoneIdentity(certificate, phones)


@functools.cache
def old_identity(common: str) -> PhoneIdentity:
    """A phone's certificate in SHA-1, as it was made before 2014."""
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = cisco().phone(Path(folder), common)
        held = load_pem_private_key(key.read_bytes(), None)
        assert isinstance(held, rsa.RSAPrivateKey)
        return PhoneIdentity(x509.load_pem_x509_certificate(certificate.read_bytes()), held)


@functools.cache
def service(common: str, key: int) -> PhoneIdentity:
    """The certificate of one of an organisation's services, signed by its own key."""
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, common),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Praxis Weber"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Ringfence"),
        ]
    )
    own = key_number(key)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(own.public_key())
        .serial_number(key)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + 3650 * DAY)
        .sign(own, hashes.SHA256())
    )
    return PhoneIdentity(certificate, own)


def capf_service() -> PhoneIdentity:
    return service("CAPF", 50)


def tvs_service() -> PhoneIdentity:
    return service("TVS", 51)


def pem(of: PhoneIdentity) -> tuple[str, Secret]:
    """Its certificate and its key in PEM."""
    key = of.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return of.certificate.public_bytes(Encoding.PEM).decode(), Secret(key)


def service_keys() -> UseKeys:
    return UseKeys(*pem(capf_service()), *pem(tvs_service()))
