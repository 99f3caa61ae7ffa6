"""The one way to put blobs into a hub's store: each is claimed first, so that nobody removes it meanwhile."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from ringfence.content.digests import Digest
from ringfence.hub.core import Hub
from ringfence.hub.store import blob_ledger


def put(hub: Hub, blobs: Mapping[Digest, bytes]) -> None:
    """Keep blobs durably; something must refer to them within ``blob_ledger.GRACE_S``.

    Raises:
        BlobUnavailable: The store can't keep them.
    """
    claim(hub, {digest: len(data) for digest, data in blobs.items()})
    hub.blobs.put(blobs)


@contextmanager
def receiving(hub: Hub, digest: Digest) -> Iterator[Callable[[bytes], None]]:
    """Keep what the block writes, in parts of any size, once it is whole and durable.

    Raises:
        BlobDiffers: It is not the blob of that digest, or too long; nothing is kept.
        BlobUnavailable: The store can't keep it.
    """
    claim(hub, {digest: 0})
    with hub.blobs.receive(digest) as write:
        yield write


def claim(hub: Hub, lengths: Mapping[Digest, int]) -> None:
    """Say which blobs are about to be put, with their lengths in bytes; 0 where that is not known."""
    if lengths:
        with hub.database.writing() as session:
            blob_ledger.claim(session, lengths, hub.clock())
