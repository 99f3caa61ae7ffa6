"""A certificate of the phones' maker for old phones: the request, whose key stays here, and what the maker signs.

SPA phones believe a server alone that their maker's CA has signed; the subject's common name is the server's full
name, and mail and organisation say who asks (docs/sources.md). The key waits in the data folder from the request on.
"""

from dataclasses import dataclass
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

from ringfence.errors import Conflict
from ringfence.hub.certificate_errors import UnfitServerCertificate
from ringfence.hub.core import Hub
from ringfence.hub.data import listener_files, server_certificates
from ringfence.hub.data.acme_config import is_dns_name
from ringfence.hub.data.folder import DataFolder, replace_file
from ringfence.hub.errors import BadSelection
from ringfence.hub.fleet.listener_certificates import folder_of
from ringfence.hub.store.change import Change

BITS = (2048, 1024)
"""Lengths of RSA keys: the makers' guides make 1024, and its CA for newer firmware takes 2048."""
_KEY_END = b"-----END PRIVATE KEY-----\n"
_TEXTS = {
    "country": NameOID.COUNTRY_NAME,
    "state": NameOID.STATE_OR_PROVINCE_NAME,
    "locality": NameOID.LOCALITY_NAME,
    "organisation": NameOID.ORGANIZATION_NAME,
    "unit": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "name": NameOID.COMMON_NAME,
    "mail": NameOID.EMAIL_ADDRESS,
}
"""The subject's parts, in the order in which they are in it."""


@dataclass(frozen=True, slots=True)
class MakerSubject:
    """Who asks the maker for a certificate; what is empty is left out."""

    name: str
    """The full name at which old phones find the hub."""
    organisation: str
    mail: str
    unit: str = ""
    country: str = ""
    """Two letters."""
    state: str = ""
    locality: str = ""


def request(change: Change, hub: Hub, subject: MakerSubject, *, bits: int = BITS[0], again: bool = False) -> str:
    """Make a key and a request for the maker; return the request in PEM.

    Args:
        change: Who asks.
        hub: The hub.
        subject: What the request says.
        bits: The key's length, one of ``BITS``.
        again: Whether it takes the place of a request that is with the maker already, whose key is deleted.

    Raises:
        BadSelection: The name is none, or a part of the subject can't be in one.
        Conflict: A request is with the maker already.
    """
    folder = folder_of(hub)
    if not is_dns_name(subject.name) or subject.name.startswith("*"):
        raise BadSelection(
            f"{subject.name[:80]!r} is not a full name of a server", to_do="Write it like phones.example.org."
        )
    if bits not in BITS:
        raise BadSelection(f"a key has {' or '.join(map(str, BITS))} bits, not {bits}")
    if _file(folder).exists() and not again:
        raise Conflict(
            "a request is with the maker already, and its key would be lost",
            to_do="Install what the maker signed; with --again another request takes its place.",
        )
    parts = [(oid, str(getattr(subject, part))) for part, oid in _TEXTS.items() if getattr(subject, part)]
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    try:
        named = x509.Name([x509.NameAttribute(oid, value) for oid, value in parts])
    except ValueError as fault:
        raise BadSelection(f"the request can't say that: {fault}", to_do="Correct that part.") from None
    made = x509.CertificateSigningRequestBuilder().subject_name(named).sign(key, hashes.SHA256())
    pem = made.public_bytes(Encoding.PEM)
    replace_file(_file(folder), key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + pem)
    change.note("listener-certificate.request", subject.name, f"RSA of {bits} bits, for {subject.organisation}")
    return pem.decode()


def pending(hub: Hub) -> str:
    """Return the request that is with the maker, in PEM; empty for none."""
    try:
        return _file(folder_of(hub)).read_bytes().partition(_KEY_END)[2].decode("ascii", "replace")
    except FileNotFoundError:
        return ""


def install(change: Change, hub: Hub, pem: str) -> None:
    """Put a certificate that the maker has signed to work for old phones, which takes seconds.

    Args:
        change: Who does it.
        hub: The hub.
        pem: The certificate, with what is between it and its CA behind it.

    Raises:
        UnfitServerCertificate: It is for another key or name, has ended, is not for servers, or its chain is broken.
        Conflict: hub.toml names another certificate for old phones.
    """
    folder = folder_of(hub)
    if hub.config.phones_old_certificate:
        raise Conflict(
            "hub.toml names a certificate for old phones, which comes first",
            to_do="Remove `phones_old_certificate` and `phones_old_key` there, and start the hub again.",
        )
    chain = server_certificates.read_chain(pem)
    waiting, shown = _file(folder), listener_files.maker_file(folder)
    for file in (waiting, shown):  # a certificate that is renewed may be for the key that is in use
        key = _key(file)
        if key is not None and key.public_key() == chain[0].public_key():
            break
    else:
        raise UnfitServerCertificate(
            "the certificate is for no request of this hub", to_do="Ask again: ringfence listener-certificate request."
        )
    names = server_certificates.names_of(chain[0])
    wanted = _name_of(waiting) if file == waiting else names[0]
    server_certificates.check(chain, key.public_key(), [wanted], change.now)
    whole = b"".join(each.public_bytes(Encoding.PEM) for each in chain)
    replace_file(shown, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + whole)
    if file == waiting:
        waiting.unlink()
    change.note("listener-certificate.install", wanted, chain[0].issuer.rfc4514_string()[:200])


def _file(folder: DataFolder) -> Path:
    """Return where the key and the request are that wait for the maker."""
    return folder.keys / "phones-old-request.pem"


def _key(file: Path) -> rsa.RSAPrivateKey | None:
    try:
        read = load_pem_private_key(b"".join(file.read_bytes().partition(_KEY_END)[:2]), None)
    except FileNotFoundError:
        return None
    except ValueError:
        raise UnfitServerCertificate("the key of the request can't be read", where=str(file)) from None
    return read if isinstance(read, rsa.RSAPrivateKey) else None


def _name_of(file: Path) -> str:
    asked = x509.load_pem_x509_csr(file.read_bytes().partition(_KEY_END)[2])
    return str(asked.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value).lower()
