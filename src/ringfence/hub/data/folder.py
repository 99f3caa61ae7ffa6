"""A hub's data folder: what lies where, how it is made whole or not at all, and that one hub runs on it.

    hub.toml         configuration              hub.sqlite      the fleet
    authority.pem    CA certificate, public     blobs/          content by SHA-256
    keys/            every private key, each in its own file
    run.json         where the running hub listens
    lock             held by the running hub
    backup.json      of when the last copy is that is known
    acme/            what the hub has from a CA for phones, with its account's key

The folder is for its owner alone (0700), and so is every file (0600).
"""

import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509

from ringfence.content.signing import ROLES, SiteSigners
from ringfence.hub.data.authority import (
    FORMER_ROOT,
    Authority,
    new_authority,
    new_key,
    new_metadata_key,
    read_authority,
)
from ringfence.hub.data.authority import read_signers as signers_from
from ringfence.hub.data.config import HubConfig, edited, read_config, to_toml
from ringfence.hub.data.sealing import Sealer, SealingKeys
from ringfence.hub.data.watched_files import WatchedFiles
from ringfence.hub.data_errors import DataFolderBusy, DataFolderTaken, DataFolderUnusable, NoDataFolder
from ringfence.hub.errors import BadConfiguration
from ringfence.identity.certificates import key_to_pem, read_certificate, to_pem


class DataFolder:
    """One hub's data folder. NoDataFolder where there is none at ``path``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not (path / "hub.toml").is_file():
            raise NoDataFolder(
                "there is no hub in this folder",
                where=str(path),
                to_do="Create one: ringfence hub init DIR --address HOST.",
            )

    @property
    def blobs(self) -> Path:
        """Where blobs are."""
        return self.path / "blobs"

    @property
    def keys(self) -> Path:
        """Where private keys are."""
        return self.path / "keys"

    @property
    def server_certificate(self) -> Path:
        """The listeners' certificate, with the CA's behind it."""
        return self.path / "keys" / "server.pem"

    @property
    def server_key(self) -> Path:
        """The listeners' private key."""
        return self.path / "keys" / "server.key"

    @property
    def authority_certificate(self) -> Path:
        """The CA's certificate, which people may pass on."""
        return self.path / "authority.pem"

    def config(self) -> HubConfig:
        """Read the configuration."""
        return read_config(self.path / "hub.toml")

    def database_url(self, config: HubConfig) -> str:
        """Return where the database is."""
        return config.database_url or f"sqlite:///{(self.path / 'hub.sqlite').absolute()}"

    def authority(self) -> Authority:
        """Read the CA; complete a change of it that a crash cut short."""
        authority = self._stored_authority()
        if authority.certificate.public_key() != authority.key.public_key():
            self.promote_next_authority()
            return self._stored_authority()
        return authority

    def _stored_authority(self) -> Authority:
        return read_authority(_read(self.authority_certificate), _read(self.authority_key))

    def next_authority(self) -> Authority | None:
        """Read the CA that is to take the place of the one that there is; None while there is none."""
        if not self._next_certificate.exists():
            return None
        return read_authority(_read(self._next_certificate), _read(self._next_key))

    def write_next_authority(self, authority: Authority) -> None:
        """Store the CA that is to take the place of the one that there is; its certificate last."""
        replace_file(self._next_key, key_to_pem(authority.key))
        replace_file(self._next_certificate, authority.pem.encode())

    def promote_next_authority(self) -> None:
        """Put the next CA in the place of the one that there is, whose key is deleted."""
        authority = self.next_authority()
        if authority is not None:
            replace_file(self.authority_key, key_to_pem(authority.key))
            replace_file(self.authority_certificate, authority.pem.encode())
            self._next_certificate.unlink()
            self._next_key.unlink(missing_ok=True)

    def edit_config(self, **values: str | int | Sequence[str]) -> None:
        """Change values in hub.toml; everything else there stays as people wrote it.

        Raises:
            BadConfiguration: A value can't be used; the file stays as it was.
        """
        file = self.path / "hub.toml"
        before = _read(file)
        replace_file(file, edited(before.decode("utf-8", "replace"), values).encode())
        try:
            self.config()
        except BadConfiguration:
            replace_file(file, before)
            raise

    @property
    def authority_key(self) -> Path:
        """The CA's private key."""
        return self.path / "keys" / "authority.key"

    @property
    def _next_certificate(self) -> Path:
        return self.path / "keys" / "next-authority.pem"

    @property
    def _next_key(self) -> Path:
        return self.path / "keys" / "next-authority.key"

    def metadata_key(self, role: str) -> Path:
        """Where the key of a metadata role is."""
        return self.keys / f"metadata-{role}.key"

    @property
    def sealing_key(self) -> Path:
        """Where the sealing keys are, a line each, the newest first."""
        return self.keys / "sealing.key"

    @property
    def former_fingerprint_keys(self) -> Path:
        """Where the keys are by which short secrets of before are found, a line each; there only if there are some."""
        return self.keys / "fingerprint.key"

    @property
    def key_dates(self) -> Path:
        """Where it is written when keys were made that took another's place."""
        return self.keys / "made.json"

    def signers(self) -> Callable[[], SiteSigners]:
        """Read the metadata keys; what is returned reads them again once they are others."""
        paths = [self.metadata_key(role) for role in (*ROLES, FORMER_ROOT)]
        return WatchedFiles(paths, self._signers).get

    def _signers(self) -> SiteSigners:
        keys = {role: _read(self.metadata_key(role)) for role in ROLES}
        if (former := self.metadata_key(FORMER_ROOT)).exists():
            keys[FORMER_ROOT] = _read(former)
        return signers_from(keys)

    def sealer(self) -> Sealer:
        """Read the sealing keys, the newest first; they are read again once they are others."""
        return Sealer(source=WatchedFiles([self.sealing_key, self.former_fingerprint_keys], self._sealing_keys).get)

    def _sealing_keys(self) -> SealingKeys:
        former = self.former_fingerprint_keys
        try:
            keys = key_lines(_read(self.sealing_key))
            return SealingKeys(keys, key_lines(_read(former)) if former.exists() else ())
        except ValueError:
            return SealingKeys(())  # says what is wrong

    def server_hosts(self) -> tuple[str, ...]:
        """Return the hosts that the listeners' certificate is for, in the order of the certificate."""
        certificate = read_certificate(_read(self.server_certificate).decode("ascii", "replace"))
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return tuple(str(name.value) for name in names)

    def write_server(self, key: bytes, certificate: str) -> None:
        """Take over a new server key and certificate."""
        replace_file(self.server_key, key)
        replace_file(self.server_certificate, certificate.encode())

    def write_run(self, facts: dict[str, str | int]) -> None:
        """Store where the running hub listens."""
        replace_file(self.path / "run.json", json.dumps(facts).encode() + b"\n")

    def clear_run(self) -> None:
        """Store that no hub is running."""
        (self.path / "run.json").unlink(missing_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only hub on this folder; DataFolderBusy if there is another."""
        try:
            descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as fault:
            raise _unusable(self.path / "lock", fault) from None
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DataFolderBusy(
                    "another hub runs on this data folder",
                    where=str(self.path),
                    to_do="Stop it first, or give this one its own folder.",
                ) from None
            yield
        finally:
            os.close(descriptor)


def create(path: Path, config: HubConfig, now: float, fill: Callable[[DataFolder], None]) -> DataFolder:
    """Create a hub's data folder at ``path``; ``fill`` may add to it before it appears.

    DataFolderTaken if anything but an empty folder is at ``path``; DataFolderUnusable if it can't be created.
    """
    with appearing(path) as making:
        (making / "keys").mkdir(mode=0o700)
        (making / "blobs").mkdir(mode=0o700)
        _write_keys(making, config, now)
        replace_file(making / "hub.toml", to_toml(config).encode())
        fill(DataFolder(making))
    return DataFolder(path.absolute())


@contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """Make a folder that appears at ``path`` at the end of the block, so that a failure leaves nothing.

    Raises:
        DataFolderTaken: Something other than an empty folder is at ``path``.
        DataFolderUnusable: The folder can't be made.
    """
    path = path.absolute()
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise DataFolderTaken(
            "there is something here already; it was left as it is",
            where=str(path),
            to_do="Give a folder that does not exist yet.",
        )
    making = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        making.mkdir(mode=0o700)
        yield making
        for file in making.rglob("*"):
            file.chmod(0o700 if file.is_dir() else 0o600)
        os.rename(making, path)  # noqa: PTH104 - takes an empty folder's place, which is what is wanted
    except OSError as fault:
        raise _unusable(path, fault) from None
    finally:
        shutil.rmtree(making, ignore_errors=True)


@contextmanager
def acting_as_owner(path: Path) -> Iterator[None]:
    """Let root be the owner of a folder for the length of the block, so that the hub can use what is made there.

    For commands, which have one thread: the whole process changes its user.
    """
    if os.geteuid() != 0:
        yield
        return
    owner = path.stat()
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def replace_file(path: Path, data: bytes) -> None:
    """Write ``data`` to a file that only its owner can read; after a crash it is the old or the new, never a part."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as fault:
        raise _unusable(path, fault) from None
    finally:
        temporary.unlink(missing_ok=True)


def server_pair(authority: Authority, config: HubConfig, now: float) -> tuple[bytes, str]:
    """Make a key and a certificate for the listeners; return both in PEM."""
    key = new_key()
    certificate = authority.issue_server(key.public_key(), config.hosts, now)
    return key_to_pem(key), to_pem(certificate) + authority.pem


def _write_keys(path: Path, config: HubConfig, now: float) -> None:
    authority = new_authority(f"{config.name} CA", now)
    keys = path / "keys"
    replace_file(path / "authority.pem", authority.pem.encode())
    replace_file(keys / "authority.key", key_to_pem(authority.key))
    server_key, server_certificate = server_pair(authority, config, now)
    replace_file(keys / "server.key", server_key)
    replace_file(keys / "server.pem", server_certificate.encode())
    for role in ROLES:
        replace_file(keys / f"metadata-{role}.key", new_metadata_key())
    replace_file(keys / "sealing.key", Sealer.new_key().hex().encode() + b"\n")


def key_lines(text: bytes) -> list[bytes]:
    """Return keys that are a line each, in hexadecimal digits; ValueError where one is not."""
    return [bytes.fromhex(line) for line in text.decode("ascii", "replace").split()]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as fault:
        raise _unusable(path, fault) from None


def _unusable(path: Path, fault: OSError) -> DataFolderUnusable:
    return DataFolderUnusable(
        f"the data folder can't be used: {fault.strerror or fault}",
        where=str(fault.filename or path),
        to_do="Check the disk and the owner of the folder.",
    )
