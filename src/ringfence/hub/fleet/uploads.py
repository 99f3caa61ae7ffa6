"""Uploads: which bytes an organisation has brought. Blobs are shared, and nobody is told what others have brought."""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.content.digests import Digest, is_digest
from ringfence.hub.data.blob_store import BlobStore
from ringfence.hub.store.change import Change
from ringfence.hub.store.release_models import UploadRow


def note(change: Change, digest: Digest) -> None:
    """Write down that the organisation has brought a blob."""
    if change.session.get(UploadRow, digest) is None:
        change.session.add(UploadRow(digest=digest, at=change.now))
        change.note("upload", digest)


def there(session: Session, blobs: BlobStore, digests: Collection[str]) -> set[str]:
    """Return those of the digests whose bytes the organisation has brought, and the hub has."""
    asked = sorted(digest for digest in digests if is_digest(digest))
    brought = session.scalars(select(UploadRow.digest).where(UploadRow.digest.in_(asked)))
    return {digest for digest in brought if blobs.has(Digest(digest))}
