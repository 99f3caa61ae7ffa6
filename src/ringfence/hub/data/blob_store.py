"""The port to where blobs are kept: bytes named by their SHA-256, each whole or not there at all."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from ringfence.content.digests import Digest

LARGEST_RECEIVED_BYTES = 512 << 20


class BlobStore(Protocol):
    """Where blobs are kept.

    Every method raises BlobUnavailable when the store can't do it, or has no such blob, and ValueError for a digest
    that is none: no name from outside reaches a store unchecked.
    """

    def put(self, blobs: Mapping[Digest, bytes]) -> None:
        """Keep ``blobs``; when this returns, all of them outlive a power cut."""

    def get(self, digest: Digest) -> bytes:
        """Return a blob's bytes."""

    def has(self, digest: Digest) -> bool:
        """Return whether a blob is kept."""

    def size_bytes(self, digest: Digest) -> int:
        """Return how large a blob is."""

    def receive(self, digest: Digest) -> AbstractContextManager[Callable[[bytes], None]]:
        """Keep what the block writes, in parts of any size, once it is whole and durable.

        Raises:
            BlobDiffers: It is not the blob of that digest, or longer than LARGEST_RECEIVED_BYTES; nothing is kept.
        """

    def open_range(self, digest: Digest, start: int, length: int) -> Iterator[bytes]:
        """Return ``length`` bytes of a blob from ``start`` on, in parts; the blob is there when this returns."""

    def open_file(self, digest: Digest) -> int:
        """Return a descriptor of a blob that can be read alone; the caller closes it."""

    def remove(self, digests: Collection[Digest]) -> None:
        """Remove blobs durably; those that are not there are as good as removed. Whoever reads one goes on reading."""

    def free_bytes(self) -> int | None:
        """Return how much room is left for blobs; None for a store that knows no end."""

    def check(self) -> None:
        """Raise BlobUnavailable where the store can't be used; for the start."""

    def sweep(self, untouched_s: float = 0.0) -> int:
        """Remove what a crash left half-written, and return how many pieces; for the start.

        Args:
            untouched_s: For how long nothing was written to a piece, at least; 0 is for a store that nobody else writes
                to.
        """
