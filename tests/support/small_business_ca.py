"""The maker's CA that old phones believe, as tests have it: it signs what a hub asks for."""

import datetime as dt

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from ringfence.identity.certificates import to_pem


class SmallBusinessCa:
    """A root that signs servers' certificates by their common name alone."""

    def __init__(self, now: float) -> None:
        self.key = rsa.generate_private_key(65537, 2048)
        self._now = dt.datetime.fromtimestamp(int(now), dt.UTC)
        self.name = x509.Name([
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Cisco Small Business"),
            x509.NameAttribute(NameOID.COMMON_NAME, "Cisco 2k Small Business CA"),
        ])  # fmt: skip
        own = self._builder(self.name, self.key.public_key(), 3650)
        self.pem = to_pem(
            own.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(
                self.key, hashes.SHA256()
            )
        )

    def sign(
        self, asked: x509.CertificateSigningRequest, *, name: str = "", days: int = 365,
        key: rsa.RSAPublicKey | None = None,
    ) -> str:  # fmt: skip
        """What the maker answers to a request, in PEM; ``name`` and ``key`` are what it has put in instead."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) if name else asked.subject
        public = key or asked.public_key()
        assert isinstance(public, rsa.RSAPublicKey)
        return to_pem(self._builder(subject, public, days).sign(self.key, hashes.SHA256()))

    def _builder(self, subject: x509.Name, key: rsa.RSAPublicKey, days: int) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - dt.timedelta(days=20))
            .not_valid_after(self._now + dt.timedelta(days=days))
        )
