"""What the hub does with its keys: its CA, and the signers of the four metadata roles."""

import re
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from securesystemslib.signer import CryptoSigner, SSlibKey

from ringfence.content.signing import ROLES, SiteSigners
from ringfence.hub.data_errors import DataFolderUnusable
from ringfence.hub.errors import BadConfiguration
from ringfence.identity.certificates import (
    ConcentratorIdentity,
    EdgeIdentity,
    PrivateKey,
    fingerprint,
    issue_edge_certificate,
    issue_server_certificate,
    key_from_pem,
    make_authority,
    read_certificate,
    to_pem,
)

FORMER_ROOT = "root-before"
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?|::1?")


@dataclass(frozen=True, slots=True)
class Authority:
    """The CA that edges pin, with the key that issues for it."""

    certificate: x509.Certificate
    key: PrivateKey = field(repr=False)

    @property
    def pem(self) -> str:
        """The CA certificate in PEM."""
        return to_pem(self.certificate)

    @property
    def fingerprint(self) -> str:
        """Its fingerprint in enrolment tokens."""
        return fingerprint(self.certificate)

    def issue_edge(
        self, request: x509.CertificateSigningRequest, identity: EdgeIdentity | ConcentratorIdentity, now: float
    ) -> x509.Certificate:
        """Issue a client certificate for an edge's key, or a concentrator's."""
        serial = x509.random_serial_number()
        return issue_edge_certificate(self.certificate, self.key, request, identity, serial=serial, now=now)

    def issue_server(
        self, public_key: ec.EllipticCurvePublicKey, hosts: tuple[str, ...], now: float
    ) -> x509.Certificate:
        """Issue the listeners' certificate for ``hosts``."""
        serial = x509.random_serial_number()
        return issue_server_certificate(self.certificate, self.key, public_key, hosts, serial=serial, now=now)


def new_key() -> PrivateKey:
    """Return a new P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def new_authority(name: str, now: float) -> Authority:
    """Create a CA."""
    key = new_key()
    return Authority(make_authority(key, name[:64], serial=x509.random_serial_number(), now=now), key)


def read_authority(certificate_pem: bytes, key_pem: bytes) -> Authority:
    """Read a CA back."""
    return Authority(read_certificate(certificate_pem.decode("ascii", "replace")), key_from_pem(key_pem))


def check_host(host: str) -> str:
    """Return ``host`` if certificates and tokens can name it; BadConfiguration otherwise."""
    if _HOST.fullmatch(host) is None:
        raise BadConfiguration(
            f"{host[:80]!r} is not a host name or IP address", to_do="Give the name at which edges reach this hub."
        )
    return host


def new_metadata_key() -> bytes:
    """Return a new Ed25519 key in PEM (PKCS #8, not encrypted)."""
    return ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def read_signers(keys: dict[str, bytes]) -> SiteSigners:
    """Make the signers of the four roles from their keys in PEM, by role; with ``FORMER_ROOT``, of that one too."""
    former = keys.get(FORMER_ROOT)
    signers = {role: _signer(role, keys[role]) for role in ROLES}
    return SiteSigners(**signers, former_root=None if former is None else _signer(FORMER_ROOT, former))


def _signer(role: str, pem: bytes) -> CryptoSigner:
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise DataFolderUnusable(
            f"the metadata key of role {role} can't be read", to_do="Restore the keys folder from your backup."
        )
    return CryptoSigner(key, SSlibKey.from_crypto(key.public_key()))
