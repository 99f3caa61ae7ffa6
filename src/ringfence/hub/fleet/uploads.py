"""Uploads: which bytes an organisation has brought. Blobs are shared, and nobody is told what others have brought."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.content.digests import Digest, is_digest
from ringfence.hub.data.blob_store import BlobStore
from ringfence.hub.store import organisation_limits
from ringfence.hub.store.binding import whose
from ringfence.hub.store.change import Change
from ringfence.hub.store.organisation_limits import STORAGE
from ringfence.hub.store.organisation_models import OrganisationRow
from ringfence.hub.store.release_models import UploadRow

KEPT_FOR_S: Final = 7 * 86_400.0
"""How long an upload is kept that nothing was made of."""


def note(change: Change, digest: Digest, length: int) -> None:
    """Write down that the organisation has brought a blob of a length in bytes."""
    row = change.session.get(UploadRow, digest)
    if row is None:
        change.session.add(UploadRow(digest=digest, at=change.now, length=length))
    else:
        row.at = change.now
    change.note("upload", digest)


@dataclass(frozen=True, slots=True)
class UploadRoom:
    """How many bytes an organisation may store, and does; None: without a limit."""

    organisation_id: str
    most: int | None
    used: int

    def check(self, length: int) -> None:
        """Raise OrganisationFull where so many more bytes are too many."""
        if self.most is not None and self.used + length > self.most:
            raise organisation_limits.full(STORAGE, self.organisation_id, self.most, self.used + length)


def room(session: Session, now: float) -> UploadRoom:
    """Return how many bytes the organisation of a session may still bring; it is asked again when they are there."""
    mine = whose(session)
    most = STORAGE.most(session.get_one(OrganisationRow, mine))
    return UploadRoom(mine, most, 0 if most is None else STORAGE.used(session, mine, now))


def there(session: Session, blobs: BlobStore, digests: Collection[str], *, brought_after: float = 0.0) -> set[str]:
    """Return those of the digests whose bytes the organisation has brought, after a time, and the hub has."""
    asked = sorted(digest for digest in digests if is_digest(digest))
    is_meant = (UploadRow.digest.in_(asked), UploadRow.at >= brought_after)
    brought = session.scalars(select(UploadRow.digest).where(*is_meant))
    return {digest for digest in brought if blobs.has(Digest(digest))}
