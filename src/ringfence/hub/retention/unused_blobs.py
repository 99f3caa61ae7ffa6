"""Blobs that nothing refers to: found by the ledger (``store/blob_ledger.py``), and removed after a while of grace."""

from dataclasses import dataclass

from sqlalchemy import delete, select, update

from ringfence.content.digests import Digest
from ringfence.counted import counted
from ringfence.hub.core import Hub
from ringfence.hub.store import blob_ledger, retention_tally
from ringfence.hub.store.blob_models import BlobRow

WHO = "the hub"
AGAIN_AFTER_S = 30 * 86_400.0
"""When a blob that is in use is looked at again: what refers to it may go without a word, as with its whole site."""
MOST_IN_A_TURN = 100_000
_LOOKED_AT_AT_ONCE = 500
_REMOVED_AT_ONCE = 64
"""Writers wait meanwhile: as many as a slow disk removes within a second."""


@dataclass(frozen=True, slots=True)
class RemovedBlobs:
    """How many blobs were removed, and how many bytes they had."""

    blobs: int = 0
    size_bytes: int = 0

    def __add__(self, other: "RemovedBlobs") -> "RemovedBlobs":
        """Return both together."""
        return RemovedBlobs(self.blobs + other.blobs, self.size_bytes + other.size_bytes)


def collect(everywhere: Hub, most: int = MOST_IN_A_TURN) -> RemovedBlobs:
    """Look at the blobs whose time has come, and remove those that nothing has referred to for long.

    Args:
        everywhere: The hub with the rows of all organisations.
        most: How many are looked at.

    Raises:
        BlobUnavailable: The store can't remove them; they are tried again.
    """
    gone = RemovedBlobs()
    for _step in range(0, most, _LOOKED_AT_AT_ONCE):
        looked_at, removed = _step_on(everywhere)
        gone += removed
        if not looked_at:
            break
    return gone


def _step_on(hub: Hub) -> tuple[int, RemovedBlobs]:
    """Look at some blobs; return at how many, and what was removed.

    The store removes them inside the transaction, so nobody can claim one between the look and its end. Where that is
    cut off, rows stay whose blobs are gone; nothing refers to them, and who puts such a blob again writes it anew.
    """
    if not _is_due(hub):
        return 0, RemovedBlobs()
    with hub.change(WHO) as change:
        session, now = change.session, change.now
        due = select(BlobRow).where(BlobRow.look_at <= now).order_by(BlobRow.look_at, BlobRow.digest)
        rows = session.scalars(due.limit(_LOOKED_AT_AT_ONCE)).all()
        used = blob_ledger.referred(session, [Digest(row.digest) for row in rows])
        ripe = [row for row in rows if row.digest not in used and _is_over(row, now)][:_REMOVED_AT_ONCE]
        newly = [row.digest for row in rows if row.digest not in used and row.unused_since is None]
        for digests, again_s, since in ((sorted(used), AGAIN_AFTER_S, None), (newly, blob_ledger.GRACE_S, now)):
            its = update(BlobRow).where(BlobRow.digest.in_(digests))
            session.execute(its.values(look_at=now + again_s, unused_since=since))
        removed = RemovedBlobs(len(ripe), sum(row.length for row in ripe))
        if ripe:
            digests = [row.digest for row in ripe]
            hub.blobs.remove([Digest(digest) for digest in digests])
            session.execute(delete(BlobRow).where(BlobRow.digest.in_(digests)))
            for name, more in (
                (retention_tally.BLOBS, -removed.blobs), (retention_tally.BLOB_BYTES, -removed.size_bytes),
                (retention_tally.REMOVED_BLOBS, removed.blobs), (retention_tally.REMOVED_BYTES, removed.size_bytes),
            ):  # fmt: skip
                retention_tally.add(session, name, more)
            said = f"{counted(removed.blobs, 'file')} of {counted(removed.size_bytes, 'byte')} that nothing refers to"
            change.note("retention.blobs", "", f"{said} were removed")
    return len(rows), removed


def _is_due(hub: Hub) -> bool:
    with hub.database.reading() as session:
        return session.scalar(select(BlobRow.digest).where(BlobRow.look_at <= hub.clock()).limit(1)) is not None


def _is_over(row: BlobRow, now: float) -> bool:
    return row.unused_since is not None and row.unused_since <= now - blob_ledger.GRACE_S
