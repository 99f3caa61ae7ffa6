"""A certificate of their own that people see, from files that something else renews, such as certbot.

The hub's own CA is for edges. Where hub.toml names a certificate for people, their programs need no CA of ours. It is
checked when the hub starts. When its files change it is taken over while the hub runs, if it can be used; until then
the one before stays.
"""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from ringfence.hub import logs
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.errors import BadConfiguration
from ringfence.identity.certificates import validity

WARNED_BEFORE_S = 14 * 86_400
WARNED_EVERY_S = 86_400
_IN_TOML = "Correct `{name}` in hub.toml, or remove it together with its neighbour."

_log = logs.get("people-certificate")

Stamp = tuple[tuple[int, int, int], ...]
"""What tells that files have changed: inode, size and time of change of each, which follows from a new mode, too."""


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """The files of a certificate for people.

    Args:
        certificate: In PEM, with what is between it and its CA.
        key: Its private key in PEM, without a passphrase.
    """

    certificate: Path
    key: Path

    def stamp(self) -> Stamp:
        """Return what differs once one of them has changed; an OSError if one can't be looked at."""
        found = [file.stat() for file in (self.certificate, self.key)]
        return tuple((each.st_ino, each.st_size, each.st_ctime_ns) for each in found)


def files_of(folder: DataFolder) -> CertificateFiles | None:
    """Return the files that hub.toml names; None if people see a certificate of the hub's own CA."""
    config = folder.config()
    if not config.people_certificate:
        return None
    return CertificateFiles(folder.path / config.people_certificate, folder.path / config.people_key)


def load(context: ssl.SSLContext, files: CertificateFiles, now: float) -> x509.Certificate:
    """Check the certificate and its key, and let connections from now on get it; return it.

    Raises:
        BadConfiguration: They can't be used; it names the file and what is wrong. Nothing was changed.
    """
    certificate = _read_certificate(files.certificate)
    _check_time_and_use(certificate, files.certificate, now)
    _check_key(certificate, files.key)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(files.certificate, files.key, password="")
        context.load_cert_chain(files.certificate, files.key, password="")
    except (OSError, ValueError) as fault:  # TLS's errors are among them
        raise _bad("people_certificate", f"TLS does not take it: {fault}", files.certificate) from None
    return certificate


class PeopleCertificate:
    """The certificate that a context shows, taken over again whenever its files have changed.

    Args:
        context: The people's listener's.
        files: Where it comes from.
        now: The time.

    Raises:
        BadConfiguration: It can't be used at the start.
    """

    def __init__(self, context: ssl.SSLContext, files: CertificateFiles, now: float) -> None:
        self._context = context
        self._files = files
        self._seen = _stamp(files)
        self._certificate = load(context, files, now)
        self._warned_at = 0.0

    def look(self, now: float) -> None:
        """Take the files over if they have changed; warn if what is in use ends soon."""
        if (stamp := _stamp(self._files)) != self._seen:
            self._seen = stamp
            try:
                self._certificate = load(self._context, self._files, now)
            except BadConfiguration as fault:
                _log.warning("the certificate for people has changed and can't be used", problem=str(fault))
            else:
                _log.info("certificate for people taken over", ends=_day(validity(self._certificate)[1]))
        ends_at = validity(self._certificate)[1]
        if ends_at - now < WARNED_BEFORE_S and now - self._warned_at >= WARNED_EVERY_S:
            self._warned_at = now
            _log.warning("the certificate for people ends", ends=_day(ends_at), file=str(self._files.certificate))


def _stamp(files: CertificateFiles) -> Stamp:
    try:
        return files.stamp()
    except OSError:
        return ()


def _read_certificate(file: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(_read("people_certificate", file))[0]
    except ValueError:
        raise _bad("people_certificate", "this is no certificate in PEM", file) from None


def _check_time_and_use(certificate: x509.Certificate, file: Path, now: float) -> None:
    begins_at, ends_at = validity(certificate)
    if now > ends_at:
        raise _bad("people_certificate", f"it ended on {_day(ends_at)}", file)
    if now < begins_at:
        raise _bad("people_certificate", f"it begins only on {_day(begins_at)}", file)
    try:
        uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    except ValueError:
        raise _bad("people_certificate", "its extensions can't be read", file) from None
    if not {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & set(uses):
        raise _bad("people_certificate", "it is not for servers", file)


def _check_key(certificate: x509.Certificate, file: Path) -> None:
    try:
        key = load_pem_private_key(_read("people_key", file), None)
    except TypeError:
        raise _bad(
            "people_key", "it is locked with a passphrase, which nobody could type when the hub starts", file
        ) from None
    except ValueError:
        raise _bad("people_key", "this is no private key in PEM", file) from None
    if key.public_key() != certificate.public_key():
        raise _bad("people_key", "this key does not belong to the certificate", file)


def _read(name: str, file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as fault:
        raise _bad(name, f"the hub can't read it: {fault.strerror}", file) from None


def _bad(name: str, what: str, file: Path) -> BadConfiguration:
    return BadConfiguration(f"{name} can't be used: {what}", where=str(file), to_do=_IN_TOML.format(name=name))


def _day(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d}"
