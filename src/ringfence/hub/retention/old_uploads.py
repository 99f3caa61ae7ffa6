"""Uploads that nothing was made of: an import that was given up, or firmware and assets that were deleted since."""

from sqlalchemy import delete, exists, select
from sqlalchemy.orm import Session

from ringfence.content.digests import Digest
from ringfence.hub.core import Hub
from ringfence.hub.fleet.uploads import KEPT_FOR_S
from ringfence.hub.store import blob_ledger
from ringfence.hub.store.release_models import AssetFileRow, FirmwareFileRow, UploadRow

WHO = "the hub"
_AT_ONCE = 500


def remove(hub: Hub) -> int:
    """Remove an organisation's uploads that nothing was made of in a week; return how many."""
    gone = 0
    while True:
        with hub.database.reading() as session:
            if not _unused(session, hub.clock()):
                return gone
        with hub.change(WHO) as change:
            found = _unused(change.session, change.now)
            change.session.execute(delete(UploadRow).where(UploadRow.digest.in_(found)))
            blob_ledger.doubt(change.session, [Digest(digest) for digest in found], change.now)
            change.note("retention.uploads", "", f"{len(found)} uploads that nothing was made of were removed")
        gone += len(found)


def _unused(session: Session, now: float) -> list[str]:
    made = (exists().where(table.digest == UploadRow.digest) for table in (FirmwareFileRow, AssetFileRow))
    chosen = select(UploadRow.digest).where(UploadRow.at < now - KEPT_FOR_S, *(~each for each in made))
    return list(session.scalars(chosen.order_by(UploadRow.digest).limit(_AT_ONCE)))
