"""A key and a certificate for a head end, made where it is to be used: the hub never has the key."""

import datetime as dt
import ipaddress
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ringfence.phones.vpn.head_end import host_and_port
from ringfence.secret import Secret

_KEY_BITS, _EXPONENT = 2048, 65537
_DAYS = 5 * 365
"""Phones compare it with their files, so nothing is gained by a short life; before its end there is an alert."""


def make(addresses: Sequence[str], now: float) -> tuple[Secret, x509.Certificate]:
    """Return a new key in PEM, and a certificate for it that is signed by itself and names a head end's addresses."""
    key = rsa.generate_private_key(_EXPONENT, _KEY_BITS)
    hosts = [host_and_port(address)[0] for address in addresses]
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0][:64])])
    at = dt.datetime.fromtimestamp(int(now), dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - dt.timedelta(days=1))
        .not_valid_after(at + dt.timedelta(days=_DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_USAGE, critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_host(host) for host in hosts]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Secret(pem.decode()), certificate


_USAGE = x509.KeyUsage(
    digital_signature=True, key_encipherment=True, content_commitment=False, data_encipherment=False,
    key_agreement=False, key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False,
)  # fmt: skip
"""Old phones agree on keys by RSA, for which the key has to encipher."""


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
