"""Going on from a copy: a new data folder, whole or not at all, that knows that it may have less than its edges."""

import hashlib
import json
import shutil
import sqlite3
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import delete, select, update

from ringfence.content.digests import Digest, is_digest
from ringfence.hub import within
from ringfence.hub.core import Hub, blobs_in, open_hub
from ringfence.hub.data import backup_note
from ringfence.hub.data import folder as data_folder
from ringfence.hub.data.blob_store import BlobStore
from ringfence.hub.data.folder import DataFolder, replace_file
from ringfence.hub.data.listener_files import ACME, FILES
from ringfence.hub.data_errors import BadBackup
from ringfence.hub.errors import BlobDiffers
from ringfence.hub.fleet import api_tokens, doubts
from ringfence.hub.recovery import sealed_file
from ringfence.hub.recovery.backup import BLOBS, DATABASE, FORM, MANIFEST, Manifest, digests_in
from ringfence.hub.recovery.sealed_file import Opener
from ringfence.hub.store.change import Change
from ringfence.hub.store.copies import check_database, fill_database
from ringfence.hub.store.guard_models import AlertNoticeRow, GuardWindowRow
from ringfence.hub.store.models import ApiTokenRow, EnrolmentTokenRow
from ringfence.hub.store.organisation_models import FIRST
from ringfence.hub.store.people_models import PasskeyChallengeRow, SessionRow, SignInLinkRow
from ringfence.hub.store.release_models import RestorationRow
from ringfence.hub.store.sign_in_provider_models import ProviderVisitRow
from ringfence.secret import Secret

LISTENS_S = 60.0
"""How long a restored hub only hears from its edges, after its first start: as long as they pause between two tries."""
WHO = "hub restore"
TOKEN_NAME = "administrator after a restore"  # noqa: S105 - its name
_LARGEST_SMALL = 1 << 20
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored: of when it is, the new API token, and how many sites the hub is in doubt of."""

    manifest: Manifest
    token: Secret
    sites_in_doubt: int
    ended_tokens: int
    missing: tuple[str, ...] = ()
    """Files that hub.toml names and that are not on this machine: people's own certificate and its key."""


def check(file: Path, opener: Opener) -> Manifest:
    """Restore a copy into a place that is removed again, and check all of it.

    Raises:
        BadBackup, BadPassphrase: It can't be opened, or is not whole.
        DatabaseUnavailable, SealBroken, DataFolderUnusable: What is in it can't be used.
    """
    with tempfile.TemporaryDirectory(prefix="ringfence-check-", dir=file.absolute().parent) as space:
        return _extract(file, opener, Path(space), keeps_blobs=False)


def restore(
    file: Path, to: Path, opener: Opener, *, address: str = "", database_url: str = "", keep_tokens: bool = False
) -> Restored:
    """Make a new data folder from a copy.

    Args:
        file: The copy.
        to: Where the folder is to be; nothing may be there yet.
        opener: What opens the copy.
        address: Another host name or address for the hub; empty for the one that it had.
        database_url: The database to fill, which must be empty; none: SQLite in the folder.
        keep_tokens: Whether the API tokens of the copy stay valid. Those that were revoked since are, too.

    Raises:
        DataFolderTaken: Something is there.
        BadBackup, BadPassphrase: The copy can't be opened, or is not whole.
        DatabaseUnavailable, SealBroken, DataFolderUnusable, BadConfiguration: What is in it can't be used here.
    """
    with data_folder.appearing(to) as making:
        manifest = _extract(file, opener, making, keeps_blobs=True)
        folder = DataFolder(making)
        config = folder.config().changed(database_url=database_url, blobs_url="")
        if address:
            config = config.relocated(address)
        folder.edit_config(database_url=database_url, blobs_url="", **(config.place if address else {}))
        if database_url:
            fill_database(making / DATABASE, database_url)
            (making / DATABASE).unlink()
        backup_note.write(folder, manifest.made_at)
        with closing(open_hub(folder, config)) as hub:  # the copy's database, whatever the environment names
            done = _go_on(hub, manifest, keep_tokens=keep_tokens)
    named = (config.people_certificate, config.people_key)
    return replace(done, missing=tuple(each for each in named if each and not (to / each).exists()))


def begin_listening(hub: Hub) -> None:
    """At the first start after a restore, set how long the hub only listens."""
    with hub.database.writing() as session:
        row = session.get(RestorationRow, 1)
        if row is not None and not row.listens_until:
            row.listens_until = hub.clock() + LISTENS_S


def _go_on(hub: Hub, manifest: Manifest, *, keep_tokens: bool) -> Restored:
    copied_on = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(manifest.made_at))
    in_doubt, ended = 0, 0
    for of_one in within.each(hub):
        with of_one.change(WHO) as change:
            in_doubt += doubts.begin(change, copied_on)
            _end_what_may_be_used_up(change)
            ended += 0 if keep_tokens else _end_api_tokens(change)
    with hub.change(WHO) as change:
        session = change.session
        row = session.get(RestorationRow, 1)
        if row is None:
            row = RestorationRow(id=1)
            session.add(row)
        row.copied_at, row.restored_at, row.listens_until = manifest.made_at, change.now, 0.0
        _row, token = api_tokens.create(change, TOKEN_NAME, is_hubwide=True)
        change.note("hub.restore", manifest.name, f"from a copy of {copied_on}; in doubt of {in_doubt} sites")
    return Restored(manifest, token, in_doubt, ended)


def _end_what_may_be_used_up(change: Change) -> None:
    """End what is open in the copy and may have been used or ended since: tokens, sessions, links, windows, notices."""
    session = change.session
    session.execute(delete(AlertNoticeRow))  # people were told of those; what still goes on is in the list of alerts
    session.execute(delete(SessionRow))
    session.execute(delete(SignInLinkRow))
    session.execute(delete(PasskeyChallengeRow))
    session.execute(delete(ProviderVisitRow))
    unused = (EnrolmentTokenRow.used_at.is_(None), EnrolmentTokenRow.revoked_at.is_(None))
    session.execute(update(EnrolmentTokenRow).where(*unused).values(revoked_at=change.now))
    session.execute(update(GuardWindowRow).where(GuardWindowRow.closed_at.is_(None)).values(closed_at=change.now))


def _end_api_tokens(change: Change) -> int:
    valid = change.session.scalars(select(ApiTokenRow).where(ApiTokenRow.revoked_at.is_(None))).all()
    for token in valid:
        token.revoked_at = change.now
    return len(valid)


def _extract(file: Path, opener: Opener, to: Path, *, keeps_blobs: bool) -> Manifest:
    """Read a copy to its end into ``to``, and check every part of it."""
    for name in ("keys", "blobs", ACME):
        (to / name).mkdir(mode=0o700, exist_ok=True)
    store = blobs_in(to / "blobs") if keeps_blobs else None
    manifest: Manifest | None = None
    digests: set[Digest] = set()
    try:
        with sealed_file.reading(file, opener) as plain, tarfile.open(fileobj=plain, mode="r|") as tar:
            for member in tar:
                with _content(tar, member, file) as content:
                    if manifest is None:
                        manifest = _manifest(member.name, content, file)
                    elif member.name.startswith(BLOBS) and is_digest(member.name.removeprefix(BLOBS)):
                        digest = Digest(member.name.removeprefix(BLOBS))
                        _blob(store, digest, content, file)
                        digests.add(digest)
                    elif member.name == DATABASE:
                        with (to / DATABASE).open("wb") as out:
                            shutil.copyfileobj(content, out, _BLOCK)
                    elif _is_small_file(member.name) and member.size <= _LARGEST_SMALL:
                        replace_file(to / member.name, content.read())
                    else:
                        raise BadBackup(f"the copy holds what none holds: {member.name[:80]!r}", where=str(file))
    except (tarfile.TarError, EOFError) as fault:
        raise BadBackup(f"the copy can't be read: {fault}", where=str(file), to_do="Use another copy.") from None
    if manifest is None:
        raise BadBackup("the copy is empty", where=str(file))
    _check(to, manifest, digests, file)
    return manifest


@contextmanager
def _content(tar: tarfile.TarFile, member: tarfile.TarInfo, file: Path) -> Iterator[BinaryIO]:
    content = tar.extractfile(member) if member.isreg() else None
    if content is None:
        raise BadBackup(f"the copy holds what none holds: {member.name[:80]!r}", where=str(file))
    with content:
        yield content  # type: ignore[misc]  # a regular file's content is binary


def _manifest(name: str, content: BinaryIO, file: Path) -> Manifest:
    try:
        told = json.loads(content.read(_LARGEST_SMALL)) if name == MANIFEST else {}
        manifest = Manifest(**told)
    except (ValueError, TypeError):
        raise BadBackup("the copy does not say what it is", where=str(file)) from None
    if manifest.form != FORM:
        raise BadBackup(
            f"the copy has form {manifest.form}, which this version does not know", where=str(file),
            to_do=f"Install ringfence {manifest.version} or newer.",
        )  # fmt: skip
    return replace(manifest, missing=tuple(manifest.missing))


def _is_small_file(name: str) -> bool:
    folder, _slash, file = name.rpartition("/")
    is_of_ca = folder == ACME and file in FILES
    return name in {"hub.toml", "authority.pem"} or is_of_ca or (folder == "keys" and file not in {"", ".", ".."})


def _blob(store: BlobStore | None, digest: Digest, content: BinaryIO, file: Path) -> None:
    """Read a blob to its end and check it; with a store, keep it there."""
    try:
        if store is not None:
            with store.receive(digest) as write:
                for part in _parts(content):
                    write(part)
            return
    except BlobDiffers:
        raise _other_bytes(digest, file) from None
    hashed = hashlib.sha256()
    for part in _parts(content):
        hashed.update(part)
    if hashed.hexdigest() != digest:
        raise _other_bytes(digest, file)


def _parts(content: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: content.read(_BLOCK), b"")


def _other_bytes(digest: Digest, file: Path) -> BadBackup:
    return BadBackup(f"blob {digest[:12]} of the copy has other bytes", where=str(file), to_do="Use another copy.")


def _check(to: Path, manifest: Manifest, digests: set[Digest], file: Path) -> None:
    """Check that the keys belong to the database and that nothing is missing."""
    if not (to / DATABASE).is_file() or not (to / "hub.toml").is_file():
        raise BadBackup("the copy lacks its database or its configuration", where=str(file))
    check_database(to / DATABASE)
    lacking = set(digests_in(to / DATABASE)) - digests - set(manifest.missing)
    if lacking or len(digests) != manifest.blobs:
        raise BadBackup(
            f"the copy lacks {max(len(lacking), 1)} of its files", where=str(file), to_do="Use another copy."
        )
    folder = DataFolder(to)
    folder.authority()
    folder.signers()
    _open_one_secret(folder, to / DATABASE)


def _open_one_secret(folder: DataFolder, database: Path) -> None:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        found = connection.execute("SELECT * FROM line WHERE length(sealed_password) > 0 LIMIT 1").fetchone()
    if found is not None:
        owner = found["organisation_id"] if "organisation_id" in found.keys() else FIRST  # noqa: SIM118 - a Row is no mapping
        folder.sealer().of(owner).open(found["sealed_password"], f"line:{found['mac']}:{found['index']}")
