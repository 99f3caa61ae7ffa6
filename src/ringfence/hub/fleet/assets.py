"""Assets: ring tones, wallpapers, languages, files that phones name, and which of them a site's phones get."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ringfence.content.digests import Digest, sha256_hex
from ringfence.content.errors import BadName as BadFileName
from ringfence.content.names import normalise
from ringfence.content.release import Target, TargetKind
from ringfence.hub.data.blob_store import BlobStore
from ringfence.hub.errors import BrokenBundle, NameRefused, UnknownAsset
from ringfence.hub.fleet import uploads
from ringfence.hub.fleet.sites import slug
from ringfence.hub.store.change import Change
from ringfence.hub.store.release_models import AssetFileRow, AssetRow
from ringfence.phones.assets.kinds import (
    MOST_PICTURES,
    MOST_RINGS,
    NAMED,
    RING_LISTS,
    AssetKind,
    picture_list,
    ring_list,
    wants,
)
from ringfence.phones.family import Model, RingFormat

_MOST = {AssetKind.RING: MOST_RINGS, AssetKind.WALLPAPER: MOST_PICTURES}
_MOST_FILES = 60


@dataclass(frozen=True, slots=True)
class UploadedAsset:
    """One file of an asset whose bytes are in the blob store."""

    name: str
    digest: Digest
    length: int
    variant: str


def add(
    change: Change, blobs: BlobStore, kind: AssetKind, name: str, source: str, files: Sequence[UploadedAsset]
) -> AssetRow:
    """Store an asset, replacing one of the same kind and name. NameRefused and BrokenBundle say what is wrong."""
    asset_id = f"{slug(kind)[:12]}-{slug(name)}"
    if not slug(name) or not 1 <= len(files) <= _MOST_FILES:
        raise NameRefused(f"{name[:60]!r} can't be an asset's name, or it has no file", to_do="Use letters and digits.")
    there = uploads.there(change.session, blobs, {file.digest for file in files})
    for file in files:
        _check(blobs, file, there)
    row = change.session.get(AssetRow, asset_id)
    if row is None:
        _check_room(change.session, kind)
        row = AssetRow(id=asset_id)
        change.session.add(row)
    elif kind in {AssetKind.RING, AssetKind.WALLPAPER}:
        change.session.execute(delete(AssetFileRow).where(AssetFileRow.asset_id == asset_id))
    else:  # a language comes model by model
        names = [file.name for file in files]
        change.session.execute(
            delete(AssetFileRow).where(AssetFileRow.asset_id == asset_id, AssetFileRow.name.in_(names))
        )
    row.kind, row.name, row.source = str(kind), name[:80], source[:200]
    row.added_at, row.added_by = change.now, change.who
    change.session.flush()
    change.session.add_all(
        AssetFileRow(asset_id=asset_id, name=file.name, digest=file.digest, length=file.length, variant=file.variant)
        for file in files
    )
    change.note("asset.import", asset_id, f"{len(files)} files from {source}")
    return row


def find(session: Session) -> Sequence[AssetRow]:
    """Return all assets, by kind and name."""
    return session.scalars(select(AssetRow).order_by(AssetRow.kind, AssetRow.name)).all()


def files(session: Session) -> Mapping[str, Sequence[AssetFileRow]]:
    """Return the files of all assets, by asset."""
    found: dict[str, list[AssetFileRow]] = {}
    for row in session.scalars(select(AssetFileRow).order_by(AssetFileRow.asset_id, AssetFileRow.name)):
        found.setdefault(row.asset_id, []).append(row)
    return found


def get(session: Session, asset_id: str) -> AssetRow:
    """Return an asset; UnknownAsset if there is none."""
    row = session.get(AssetRow, asset_id)
    if row is None:
        raise UnknownAsset(f"there is no asset {asset_id[:60]!r}", to_do="`ringfence asset list` shows all.")
    return row


def remove(change: Change, asset_id: str) -> None:
    """Delete an asset; phones keep what they have until they look again."""
    row = get(change.session, asset_id)
    change.session.delete(row)
    change.note("asset.remove", asset_id)


class Shelf:
    """All assets, read once, for the sites of a publish."""

    def __init__(self, session: Session) -> None:
        listed = files(session)
        self._assets = [(row, listed.get(row.id, ())) for row in find(session)]

    def for_site(
        self, models: Collection[Model], locales: Collection[str], named: Collection[str]
    ) -> tuple[list[Target], dict[Digest, bytes]]:
        """Return a site's files, and the bytes of the lists that name them.

        Args:
            models: The models of its phones.
            locales: The languages that its phones speak.
            named: The files that its phones name, such as dial plans.
        """
        targets: dict[str, Target] = {}
        rings: dict[str, list[tuple[str, str]]] = {}
        pictures: dict[str, list[str]] = {}
        for row, listed in self._assets:
            kind = AssetKind(row.kind)
            if kind in {AssetKind.LOCALE, AssetKind.TONES} and row.name not in locales:
                continue
            for file in listed:
                if not any(wants(kind, file.variant, model) for model in models):
                    continue
                if kind in NAMED and file.name not in named:
                    continue
                targets[file.name] = Target(file.name, Digest(file.digest), file.length, TargetKind.SHARED)
                if kind is AssetKind.RING:
                    rings.setdefault(RING_LISTS[RingFormat[file.variant]], []).append((row.name, file.name))
                elif kind is AssetKind.WALLPAPER and not file.name.endswith("-tn.png"):
                    pictures.setdefault(f"{file.variant}/List.xml", []).append(file.name)
        made = {name: ring_list(rows) for name, rows in rings.items()}
        made |= {name: picture_list(names) for name, names in pictures.items()}
        blobs: dict[Digest, bytes] = {}
        for name, data in made.items():
            digest = sha256_hex(data)
            blobs[digest] = data
            targets[name] = Target(name, digest, len(data), TargetKind.SHARED)
        return list(targets.values()), blobs


def _check(blobs: BlobStore, file: UploadedAsset, there: Collection[str]) -> None:
    try:
        plain = normalise(file.name)
    except BadFileName as fault:
        raise NameRefused(fault.what, where=fault.where, to_do=fault.to_do) from None
    if plain != file.name:
        raise NameRefused(f"{file.name[:80]!r} is not a name that phones ask for")
    if file.digest not in there or blobs.size_bytes(file.digest) != file.length:
        raise BrokenBundle(f"{file.name} has not been uploaded", to_do="Run the import again.")


def _check_room(session: Session, kind: AssetKind) -> None:
    most = _MOST.get(kind)
    there = session.scalars(select(AssetRow.id).where(AssetRow.kind == str(kind))).all()
    if most is not None and len(there) >= most:
        raise NameRefused(
            f"there are {len(there)} of the kind {kind} already, and phones list at most {most}",
            to_do="Remove one first: ringfence asset remove ID.",
        )
