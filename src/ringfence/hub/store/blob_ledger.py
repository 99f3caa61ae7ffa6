"""Which blobs there are, and what refers to them: what nothing refers to is found here, never by listing a store.

Whoever puts a blob claims it first, in a transaction of its own; whoever removes one does so in a transaction. Those
that write queue up on every database (``store/dialect.py``), so a claim comes before a removal, which then leaves the
blob alone, or after it, and then the blob is not there and is written again. A crash at any step leaves a row or a
blob too many, which the next look finds.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from ringfence.content.digests import Digest
from ringfence.hub.store import retention_tally
from ringfence.hub.store.blob_models import BlobRow
from ringfence.hub.store.organisation_models import OrganisationRow
from ringfence.hub.store.release_models import (
    AssetFileRow,
    FirmwareFileRow,
    PreparedTargetRow,
    ReleaseTargetRow,
    UploadRow,
)

GRACE_S: Final = 86_400.0
"""How long a blob stays that nothing refers to: longer than an upload, a publish or a copy of the hub takes."""
NAMED_BY: Final[tuple[type[Any], ...]] = (ReleaseTargetRow, FirmwareFileRow, AssetFileRow, PreparedTargetRow)
"""What phones' files are named by, which copies of a hub have. Any: tables with a column ``digest``."""
REFERRING: Final[tuple[type[Any], ...]] = (*NAMED_BY, UploadRow)
"""All whose column ``digest`` keeps a blob."""
_AT_ONCE = 500


def claim(session: Session, lengths: Mapping[Digest, int], now: float) -> None:
    """Say that blobs are about to be put, or that something is about to refer to them.

    Args:
        session: The transaction; it must be committed before a byte is put.
        lengths: The blobs with their lengths in bytes; 0 where that is not known yet.
        now: The time.
    """
    for part in _parts(sorted(lengths)):
        chosen = select(BlobRow.digest, BlobRow.length).where(BlobRow.digest.in_(part))
        there = {Digest(digest): length for digest, length in session.execute(chosen)}
        if there:
            its = BlobRow.digest.in_(sorted(there))
            session.execute(update(BlobRow).where(its).values(look_at=now + GRACE_S, unused_since=None))
        new = [digest for digest in part if digest not in there]
        if new:
            values = {"look_at": now + GRACE_S, "unused_since": None}
            session.execute(insert(BlobRow), [{"digest": each, "length": lengths[each], **values} for each in new])
        grown = [digest for digest in there if lengths[digest] > there[digest]]
        for digest in grown:
            session.execute(update(BlobRow).where(BlobRow.digest == digest).values(length=lengths[digest]))
        more = sum(lengths[digest] for digest in new) + sum(lengths[digest] - there[digest] for digest in grown)
        retention_tally.add(session, retention_tally.BLOBS, len(new))
        retention_tally.add(session, retention_tally.BLOB_BYTES, more)


def doubt(session: Session, digests: Collection[Digest], now: float) -> None:
    """Say that something refers to blobs no more; the next look finds whether anything else does."""
    for part in _parts(sorted(digests)):
        session.execute(update(BlobRow).where(BlobRow.digest.in_(part)).values(look_at=now, unused_since=None))


def referred(session: Session, digests: Sequence[Digest]) -> set[str]:
    """Return those of some blobs that something refers to, whosever it is; the session means all organisations."""
    found: set[str] = set()
    everyone = select(OrganisationRow.id)  # so that indexes are used, which begin with it
    for table in REFERRING:
        chosen = select(table.digest).where(table.organisation_id.in_(everyone), table.digest.in_(digests)).distinct()
        found.update(session.scalars(chosen))
    return found


def _parts(digests: Sequence[Digest]) -> Iterator[Sequence[Digest]]:
    return (digests[start : start + _AT_ONCE] for start in range(0, len(digests), _AT_ONCE))
