"""Where the certificates are that phones see at the hub's listeners, and whose they are.

In the data folder: ``acme/phones.pem`` is what a CA has issued for phones, ``keys/phones-old.pem`` what the maker's CA
has for old ones. Each holds its key and then the chain, so that one replacement of a file changes both.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from ringfence.hub.certificate_errors import UnfitServerCertificate
from ringfence.hub.data.config import HubConfig
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.data.server_certificates import LARGEST_BYTES
from ringfence.secret import Secret

ACME = "acme"
"""The folder of what the hub has from a CA, in its data folder."""
FILES = ("account.key", "phones.pem")
"""What of it goes into copies; how orders went is of no use elsewhere."""
_KEY_END = "-----END PRIVATE KEY-----\n"


class CertificateSource(StrEnum):
    """Who sees to a listener's certificate."""

    OPERATOR = "files"
    ACME = "acme"
    MAKER = "maker"
    HUB = "hub"


@dataclass(frozen=True, slots=True)
class ListenerPair:
    """What a listener shows: a certificate with its chain (PEM), and its key (PEM)."""

    source: CertificateSource
    certificate: str
    key: Secret = field(repr=False)


def acme_file(folder: DataFolder) -> Path:
    """Return where key and certificate of the CA in hub.toml are."""
    return folder.path / ACME / "phones.pem"


def maker_file(folder: DataFolder) -> Path:
    """Return where key and certificate of the maker's CA for old phones are."""
    return folder.keys / "phones-old.pem"


def source_of(config: HubConfig, folder: DataFolder, *, is_for_old: bool) -> CertificateSource:
    """Return whose certificate a listener shows: what hub.toml names comes first, the hub's own CA last."""
    if is_for_old and config.phones_old_certificate:
        return CertificateSource.OPERATOR
    if is_for_old and maker_file(folder).exists():
        return CertificateSource.MAKER
    if config.phones_certificate:
        return CertificateSource.OPERATOR
    if config.phones_acme_directory and acme_file(folder).exists():
        return CertificateSource.ACME
    return CertificateSource.HUB


def read(config: HubConfig, folder: DataFolder, *, is_for_old: bool) -> ListenerPair:
    """Return what a listener shows.

    Raises:
        UnfitServerCertificate: A file can't be read; it names the file.
    """
    source = source_of(config, folder, is_for_old=is_for_old)
    match source:
        case CertificateSource.OPERATOR:
            is_old_ones = is_for_old and config.phones_old_certificate
            named = (
                (config.phones_old_certificate, config.phones_old_key)
                if is_old_ones
                else (config.phones_certificate, config.phones_key)
            )
            certificate, key = (_read(folder.path / each) for each in named)
        case CertificateSource.ACME:
            certificate, key = _split(acme_file(folder))
        case CertificateSource.MAKER:
            certificate, key = _split(maker_file(folder))
        case CertificateSource.HUB:
            certificate, key = _read(folder.server_certificate), _read(folder.server_key)
    return ListenerPair(source, certificate, Secret(key))


def read_acme(folder: DataFolder) -> ListenerPair:
    """Return what the CA in hub.toml has issued. UnfitServerCertificate."""
    certificate, key = _split(acme_file(folder))
    return ListenerPair(CertificateSource.ACME, certificate, Secret(key))


def _split(file: Path) -> tuple[str, str]:
    key, end, chain = _read(file).partition(_KEY_END)
    if not end:
        raise UnfitServerCertificate("this file lacks the key of its certificate", where=str(file))
    return chain, key + end


def _read(file: Path) -> str:
    try:
        with file.open(encoding="ascii") as opened:
            text = opened.read(LARGEST_BYTES + 1)
    except (OSError, UnicodeDecodeError) as fault:
        why = getattr(fault, "strerror", None) or "it is no text"
        raise UnfitServerCertificate(
            f"the listener for phones can't read its certificate: {why}",
            where=str(file),
            to_do="Correct `phones_certificate` and `phones_key` in hub.toml, or the file's owner and mode.",
        ) from None
    if len(text) > LARGEST_BYTES:
        raise UnfitServerCertificate("this is too large for a certificate", where=str(file))
    return text
