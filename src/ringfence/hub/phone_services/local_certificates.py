"""Certificates that CAPF issues to phones (LSC), signed by the key of CAPF's own certificate."""

import datetime as dt

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from ringfence.secret import Secret

LIFETIME_S = 5 * 365 * 86_400
"""A phone that is off for years comes back with a certificate that still counts; the hub revokes by its own list."""
KEY_BITS = 2048
_INHERITED = (
    NameOID.ORGANIZATION_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME, NameOID.LOCALITY_NAME,
    NameOID.STATE_OR_PROVINCE_NAME, NameOID.COUNTRY_NAME,
)  # fmt: skip
_IPSEC_END_SYSTEM = ObjectIdentifier("1.3.6.1.5.5.7.3.5")


class LscIssuer:
    """Issues certificates of the form that the known CAPF server gives phones (PHONES.md 5.8)."""

    def __init__(self, certificate: str, key: Secret) -> None:
        self._certificate = x509.load_pem_x509_certificate(certificate.encode())
        loaded = load_pem_private_key(key.reveal().encode(), None)
        if not isinstance(loaded, rsa.RSAPrivateKey):
            raise ValueError("CAPF's key is not RSA")  # noqa: TRY004 - the key's owner is at fault, not the caller
        self._key = loaded

    def issue(self, key: rsa.RSAPublicKey, device_name: str, serial: int, begins_at: float, ends_at: float) -> bytes:
        """Return a phone's certificate in DER; times in Unix seconds."""
        own = [each for each in self._certificate.subject if each.oid in _INHERITED]
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, device_name), *own]))
            .issuer_name(self._certificate.subject)
            .public_key(key)
            .serial_number(serial)
            .not_valid_before(dt.datetime.fromtimestamp(int(begins_at), dt.UTC))
            .not_valid_after(dt.datetime.fromtimestamp(int(ends_at), dt.UTC))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_USAGE, critical=True)
            .add_extension(
                x509.ExtendedKeyUsage(
                    [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH, _IPSEC_END_SYSTEM]
                ),
                critical=False,
            )
            .add_extension(
                x509.SubjectAlternativeName([x509.UniformResourceIdentifier(device_name)]), critical=False
            )
            .sign(self._key, hashes.SHA256())
            .public_bytes(Encoding.DER)
        )  # fmt: skip


_USAGE = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=True,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)
