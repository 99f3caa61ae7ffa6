"""Firmware: the imported loads, and where they are."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session

from ringfence.content.digests import Digest
from ringfence.counted import counted
from ringfence.hub.data.blob_store import BlobStore
from ringfence.hub.errors import BrokenBundle, LoadInUse, UnknownLoad
from ringfence.hub.fleet import uploads
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import PhoneRow
from ringfence.hub.store.release_models import FirmwareFileRow, FirmwareLoadRow, PreparedTargetRow
from ringfence.hub.store.setting_models import GroupSettingRow, OrganisationSettingRow, PhoneSettingRow, SiteSettingRow
from ringfence.phones.family import LOAD_SETTING
from ringfence.phones.filenames import is_loads
from ringfence.phones.firmware.bundles import examine, serving_names
from ringfence.phones.firmware.loads import LARGEST_BYTES

MOST_FILES = 500


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """One file of a bundle whose bytes are in the blob store."""

    name: str
    digest: Digest
    length: int


def add(change: Change, blobs: BlobStore, source: str, files: Sequence[UploadedFile]) -> list[FirmwareLoadRow]:
    """Import loads whose files are all in the blob store; BrokenBundle names what is missing. Lists are read again.

    A load that exists already is replaced if its files differ and no phone names it.
    """
    by_name = {file.name: file for file in files}
    _check(change.session, blobs, files, by_name)
    bundle = examine({file.name: file.length for file in files}, lambda name: blobs.get(by_name[name].digest))
    loads = [load for load in bundle.loads if not load.is_recovery]
    missing = sorted({name for load in loads for name in load.missing})
    if not loads or missing:
        what = (
            f"files that it names are missing: {', '.join(missing)}"
            if missing
            else "it holds no .loads file and no other firmware"
        )
        raise BrokenBundle(what, where=source, to_do="Import the complete bundle.")
    made = []
    for load in loads:
        wanted = {
            asked: (by_name[found].digest, by_name[found].length)
            for asked, found in serving_names(load, bundle.recovery_of(load)).items()
        }
        made.append(_put(change, load.name, source, wanted))
    return made


def get(session: Session, name: str) -> FirmwareLoadRow:
    """Return a load; UnknownLoad names the nearest ones."""
    row = session.get(FirmwareLoadRow, name)
    if row is None:
        near = difflib.get_close_matches(name, session.scalars(select(FirmwareLoadRow.name)).all(), n=3, cutoff=0.4)
        raise UnknownLoad(
            f"no load {name[:64]!r} has been imported",
            to_do=(f"Similar: {', '.join(near)}. " if near else "") + "Import it: ringfence firmware import FILE.",
        )
    return row


def find(session: Session) -> Sequence[FirmwareLoadRow]:
    """Return all loads, by name."""
    return session.scalars(select(FirmwareLoadRow).order_by(FirmwareLoadRow.name)).all()


def files(session: Session, names: Sequence[str] | None = None) -> Mapping[str, Sequence[FirmwareFileRow]]:
    """Return the files of these loads, or of all, by load."""
    chosen = select(FirmwareFileRow).order_by(FirmwareFileRow.load, FirmwareFileRow.name)
    if names is not None:
        chosen = chosen.where(FirmwareFileRow.load.in_(names))
    found: dict[str, list[FirmwareFileRow]] = {}
    for row in session.scalars(chosen):
        found.setdefault(row.load, []).append(row)
    return found


def remove(change: Change, name: str) -> None:
    """Delete a load; LoadInUse while a phone names it or waits for it, or a setting names it."""
    row = get(change.session, name)
    users = _users(change.session, name)
    if users:
        raise LoadInUse(
            f"load {name} is in use: {', '.join(users)}", to_do="Set another firmware_load there and publish."
        )
    change.session.delete(row)
    change.note("firmware.remove", name)


def _check(
    session: Session, blobs: BlobStore, files: Sequence[UploadedFile], by_name: Mapping[str, UploadedFile]
) -> None:
    if len(by_name) != len(files) or not 1 <= len(files) <= MOST_FILES:
        raise BrokenBundle(f"a bundle must have 1 to {MOST_FILES} files, with each name once")
    there = uploads.there(session, blobs, {file.digest for file in files})
    for file in files:
        if file.digest not in there:
            raise BrokenBundle(f"{file.name} has not been uploaded", to_do="Run the import again.")
        if blobs.size_bytes(file.digest) != file.length:
            raise BrokenBundle(f"{file.name} has {counted(blobs.size_bytes(file.digest), 'byte')}, not {file.length}")
        if is_loads(file.name) and file.length > LARGEST_BYTES:
            raise BrokenBundle(f"{file.name} has {file.length} bytes, too many for a .loads file")


def _put(change: Change, name: str, source: str, wanted: Mapping[str, tuple[Digest, int]]) -> FirmwareLoadRow:
    row = change.session.get(FirmwareLoadRow, name)
    if row is not None:
        kept = {file.name: (file.digest, file.length) for file in files(change.session, [name])[name]}
        if kept == wanted:
            return row
        if _users(change.session, name):
            raise LoadInUse(
                f"load {name} exists with other files, and phones use it",
                to_do="Check which of the two bundles is damaged. To replace it, set another firmware_load first.",
            )
        change.session.execute(delete(FirmwareFileRow).where(FirmwareFileRow.load == name))
    else:
        row = FirmwareLoadRow(name=name)
        change.session.add(row)
    row.source, row.added_at, row.added_by = source[:200], change.now, change.who
    change.session.flush()
    change.session.add_all(
        FirmwareFileRow(load=name, name=asked, digest=digest, length=length)
        for asked, (digest, length) in wanted.items()
    )
    change.note("firmware.import", name, f"{len(wanted)} files from {source}")
    return row


def _users(session: Session, name: str) -> list[str]:
    """Return in words what uses a load."""
    named = session.scalar(select(func.count()).where(PhoneRow.named_load == name)) or 0
    waiting = session.scalar(select(func.count()).where(PreparedTargetRow.load == name)) or 0
    users = [f"{counted(named, 'phone names it', 'phones name it')}"] if named else []
    users += [f"{counted(waiting, 'phone waits for it', 'phones wait for it')}"] if waiting else []
    settings = {
        "the organisation": select(OrganisationSettingRow.value).where(OrganisationSettingRow.name == LOAD_SETTING),
        "a site": select(SiteSettingRow.value).where(SiteSettingRow.name == LOAD_SETTING),
        "a group": select(GroupSettingRow.value).where(GroupSettingRow.name == LOAD_SETTING),
        "a phone": select(PhoneSettingRow.value).where(PhoneSettingRow.name == LOAD_SETTING),
    }
    for scope, chosen in settings.items():
        said = session.scalars(chosen)
        if any(name in str(value).split(",") for value in said):
            users.append(f"{scope} has it as firmware_load")
    return users


def sites_with(session: Session, name: str) -> Sequence[str]:
    """Return the sites of which a phone names or awaits a load."""
    waiting = select(PreparedTargetRow.site_id).where(PreparedTargetRow.load == name)
    chosen = select(PhoneRow.site_id).where(or_(PhoneRow.named_load == name, PhoneRow.site_id.in_(waiting))).distinct()
    return session.scalars(chosen.order_by(PhoneRow.site_id)).all()
