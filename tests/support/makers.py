"""Makers of phones, their CAs, and the certificates in their phones: in SHA-1, as old phones have them."""

import datetime as dt
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

NOW = dt.datetime.now(dt.UTC)


@dataclass
class Maker:
    """A maker's CA; ``pem`` is what its customers import."""

    name: str
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))

    def __post_init__(self) -> None:
        names = (NameOID.ORGANIZATION_NAME, self.name), (NameOID.COMMON_NAME, f"{self.name} CA")
        subject = x509.Name([x509.NameAttribute(oid, value) for oid, value in names])
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - dt.timedelta(days=400))
            .not_valid_after(NOW + dt.timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self.key, hashes.SHA256())
        )

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def phone(self, folder: Path, common: str, *, is_expired: bool = False) -> tuple[Path, Path]:
        """Write a phone's certificate and key; return their paths."""
        folder.mkdir(parents=True, exist_ok=True)
        certificate, key = folder / "phone.pem", folder / "phone.key"
        (folder / "ca.pem").write_text(self.pem)
        (folder / "ca.key").write_bytes(
            self.key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        subject = f"/O=Cisco Systems Inc./CN={common}/serialNumber=PID:CP-9971 SN:FCH1"
        # Python's library signs nothing with SHA-1 any more.
        _openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", subject, "-keyout", str(key),
                 "-out", str(folder / "phone.csr"))  # fmt: skip
        _openssl("x509", "-req", "-sha1", "-in", str(folder / "phone.csr"), "-CA", str(folder / "ca.pem"), "-CAkey",
                 str(folder / "ca.key"), "-set_serial", "7", "-days", "-1" if is_expired else "30",
                 "-out", str(certificate))  # fmt: skip
        return certificate, key


def _openssl(*words: str) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)
