"""What is counted of blobs and of what was removed, in the transaction that changes it."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ringfence.hub.store.blob_models import RetentionTallyRow

BLOBS: Final = "blobs"
BLOB_BYTES: Final = "blob-bytes"
REMOVED_BLOBS: Final = "removed-blobs"
REMOVED_BYTES: Final = "removed-bytes"
REMOVED_RELEASES: Final = "removed-releases"
ALL: Final = (BLOBS, BLOB_BYTES, REMOVED_BLOBS, REMOVED_BYTES, REMOVED_RELEASES)


def add(session: Session, name: str, more: int) -> None:
    """Add to one of the numbers; writers queue up, so none is lost."""
    if not more:
        return
    mine = RetentionTallyRow.name == name
    counted = update(RetentionTallyRow).where(mine).values(value=RetentionTallyRow.value + more)
    if session.scalar(counted.returning(RetentionTallyRow.value)) is None:
        session.add(RetentionTallyRow(name=name, value=more))
        session.flush()


def read(session: Session) -> Mapping[str, int]:
    """Return all numbers."""
    found = {row.name: row.value for row in session.scalars(select(RetentionTallyRow))}
    return {name: found.get(name, 0) for name in ALL}
