"""A copy of a hub: everything that is needed to go on from it, in one encrypted file, made while the hub runs.

Inside is a tar archive: ``manifest.json`` first, then the configuration, the keys, the database as it was at one
moment, and last the blobs that it names. A blob never changes, so they belong to that moment though they are read
later.
"""

import datetime as dt
import io
import json
import os
import secrets
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import create_engine, select, union
from sqlalchemy.orm import Session

from ringfence import __version__
from ringfence.content.digests import Digest, is_digest
from ringfence.hub.core import blobs_of
from ringfence.hub.data.folder import DataFolder, acting_as_owner
from ringfence.hub.data.listener_files import ACME, FILES
from ringfence.hub.data_errors import BackupUnwritable
from ringfence.hub.recovery import sealed_file
from ringfence.hub.recovery.sealed_file import Lock
from ringfence.hub.store.blob_ledger import NAMED_BY
from ringfence.hub.store.copies import copy_database

MANIFEST, DATABASE, BLOBS = "manifest.json", "hub.sqlite", "blobs/"
SUFFIX = ".backup"
_NAME = "ringfence-hub-{at:%Y%m%d-%H%M%S}-{at:%f}" + SUFFIX
FORM = 1

Progress = Callable[[int, int], None]
"""Told how many blobs are done, of how many."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a copy says of itself. ``missing`` are blobs that older releases name and the hub no longer had."""

    form: int
    made_at: float
    version: str
    name: str
    address: str
    blobs: int
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MadeBackup:
    """A copy that was made: where it is, how large, and what it says of itself."""

    file: Path
    size_bytes: int
    manifest: Manifest


def make(folder: DataFolder, to: Path, lock: Lock, progress: Progress = lambda _done, _of: None) -> MadeBackup:
    """Copy a hub into a file, or into a new file of a folder; the file appears when it is whole.

    Raises:
        BackupUnwritable: The file is there already, or can't be written.
        DatabaseUnavailable, DataFolderUnusable, BadConfiguration: The hub's folder can't be read.
        BadPassphrase: The recipient is none.
    """
    now = time.time()
    file = to / _NAME.format(at=dt.datetime.fromtimestamp(now, dt.UTC)) if to.is_dir() else to
    if file.exists():
        raise BackupUnwritable("there is a file here already", where=str(file), to_do="Give another name, or a folder.")
    making = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(making, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            manifest = _write(folder, out, lock, now, progress)
            out.flush()
            os.fsync(out.fileno())
            size = out.tell()
        making.rename(file)
    except OSError as fault:
        raise BackupUnwritable(
            f"the copy can't be written: {fault.strerror or fault}",
            where=str(file),
            to_do="Check the disk and its owner.",
        ) from None
    finally:
        making.unlink(missing_ok=True)
    return MadeBackup(file, size, manifest)


def thin_out(folder: Path, keep: int) -> list[Path]:
    """Remove the oldest copies in a folder, by their names, but for the newest ``keep``; return those removed."""
    copies = sorted(folder.glob(f"ringfence-hub-*{SUFFIX}"))
    gone = copies[: max(0, len(copies) - keep)]
    for each in gone:
        each.unlink()
    return gone


def digests_in(database: Path) -> list[Digest]:
    """Return the digests of all blobs that a database names."""
    engine = create_engine(f"sqlite:///{database}")
    try:
        with Session(engine) as session:
            named = session.scalars(union(*(select(table.digest) for table in NAMED_BY))).all()
    finally:
        engine.dispose()
    return [Digest(digest) for digest in sorted(set(named)) if is_digest(digest)]


def _write(folder: DataFolder, out: io.BufferedWriter, lock: Lock, now: float, progress: Progress) -> Manifest:
    config = folder.config()
    with ExitStack() as until:
        with acting_as_owner(folder.path):
            space = until.enter_context(tempfile.TemporaryDirectory(prefix=".backup-", dir=folder.path))
            database = Path(space) / DATABASE
            copy_database(folder.database_url(config), database)
        store = blobs_of(folder, config)
        wanted = digests_in(database)
        there = [digest for digest in wanted if store.has(digest)]
        missing = tuple(digest for digest in wanted if digest not in set(there))
        manifest = Manifest(FORM, now, __version__, config.name, config.address, len(there), missing)
        with sealed_file.writing(out, lock) as plain, tarfile.open(fileobj=plain, mode="w|") as tar:
            _add(tar, MANIFEST, json.dumps(asdict(manifest)).encode(), now)
            for path in _small_files(folder):
                _add(tar, str(path.relative_to(folder.path)), path.read_bytes(), now)
            tar.add(database, DATABASE, filter=_plain)
            for done, digest in enumerate(there):
                progress(done, len(there))
                member = _plain(tarfile.TarInfo(BLOBS + digest))
                member.size, member.mtime = store.size_bytes(digest), int(now)
                tar.addfile(member, _Parts(store.open_range(digest, 0, member.size)))
    return manifest


class _Parts(io.RawIOBase):
    """A stream over parts, for a reader that asks for as much as there is."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts, self._rest = parts, b""

    def read(self, size: int = -1) -> bytes:
        """Return ``size`` bytes, fewer at the end."""
        while len(self._rest) < size and (part := next(self._parts, b"")):
            self._rest += part
        found, self._rest = self._rest[:size], self._rest[size:]
        return found


def _small_files(folder: DataFolder) -> Iterator[Path]:
    yield folder.path / "hub.toml"
    yield folder.authority_certificate
    yield from sorted(path for path in (folder.path / "keys").iterdir() if path.is_file())
    of_ca = (folder.path / ACME / name for name in FILES)
    yield from (path for path in of_ca if path.is_file())


def _add(tar: tarfile.TarFile, name: str, data: bytes, now: float) -> None:
    member = _plain(tarfile.TarInfo(name))
    member.size, member.mtime = len(data), int(now)
    tar.addfile(member, io.BytesIO(data))


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mode, member.uid, member.gid, member.uname, member.gname = 0o600, 0, 0, "", ""
    return member
