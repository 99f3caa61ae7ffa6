"""The box's own key and certificate for EAP-TLS: phones want one of the server, and check it against nothing of ours.

Made here, kept in a folder of root's alone, renewed when two thirds of its life are over.
"""

import datetime as dt
import os
import time
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ringfence.edge.errors import PortRefused
from ringfence.identity.certificates import renewal_due
from ringfence.secret import Secret

_FILE = "port-access.pem"
_KEY_BITS = 2048
_LIFE_S = 5 * 365 * 86400.0
_SLACK_S = 86400.0


def server_key(folder: Path, now: float | None = None) -> tuple[str, Secret]:
    """Return the certificate in PEM and its key; made anew where there is none, or it is due.

    Args:
        folder: Root's own.
        now: Unix seconds; the machine's clock if it is not given.

    Raises:
        PortRefused: The folder can't be used.
    """
    moment = time.time() if now is None else now
    path = folder / _FILE
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept = _read(path)
        if kept is not None and not renewal_due(kept[0], moment) and kept[0].not_valid_before_utc.timestamp() <= moment:
            return kept[1]
        certificate, key = _make(moment)
        with os.fdopen(os.open(path.with_suffix(".new"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(key + certificate)
            file.flush()
            os.fsync(file.fileno())
        path.with_suffix(".new").replace(path)
    except OSError as fault:
        raise PortRefused(f"the key for 802.1X can't be kept in {folder}: {fault.strerror}") from fault
    return certificate, Secret(key)


def _read(path: Path) -> tuple[x509.Certificate, tuple[str, Secret]] | None:
    """Return what is kept; None for nothing, or nothing that can be used."""
    try:
        text = path.read_text()
        certificate = x509.load_pem_x509_certificate(text.encode())
        key = serialization.load_pem_private_key(text.encode(), password=None)
    except (FileNotFoundError, ValueError, TypeError):
        return None
    if not isinstance(key, rsa.RSAPrivateKey) or key.public_key() != certificate.public_key():
        return None
    pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
    return certificate, (pem, Secret(text.partition("-----BEGIN CERTIFICATE")[0]))


def _make(now: float) -> tuple[str, str]:
    """Return a certificate and its key: RSA, as old phones know no other, and SHA-256, as OpenSSL takes no SHA-1."""
    key = rsa.generate_private_key(65537, _KEY_BITS)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Ringfence box")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_moment(now - _SLACK_S))
        .not_valid_after(_moment(now + _LIFE_S))
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), pem.decode()


def _moment(unix_s: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(int(unix_s), dt.UTC)
