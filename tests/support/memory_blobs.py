"""A blob store in memory, which knows no folder."""

import hashlib
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager

from ringfence.content.digests import Digest, is_digest
from ringfence.hub.data import blob_store
from ringfence.hub.data.blob_store import BlobStore
from ringfence.hub.data_errors import BlobUnavailable
from ringfence.hub.errors import BlobDiffers

_PART_BYTES = 1000


class MemoryBlobs(BlobStore):
    """Blobs in a dictionary."""

    def __init__(self) -> None:
        self._blobs: dict[Digest, bytes] = {}

    def put(self, blobs: Mapping[Digest, bytes]) -> None:
        self._blobs.update({_checked(digest): bytes(data) for digest, data in blobs.items()})

    def get(self, digest: Digest) -> bytes:
        try:
            return self._blobs[_checked(digest)]
        except KeyError:
            raise BlobUnavailable("there is no such blob", where=digest) from None

    def has(self, digest: Digest) -> bool:
        return _checked(digest) in self._blobs

    def size_bytes(self, digest: Digest) -> int:
        return len(self.get(digest))

    @contextmanager
    def receive(self, digest: Digest) -> Iterator[Callable[[bytes], None]]:
        _checked(digest)
        got = bytearray()

        def write(data: bytes) -> None:
            if len(got) + len(data) > blob_store.LARGEST_RECEIVED_BYTES:
                raise BlobDiffers("an upload is too long")
            got.extend(data)

        yield write
        if hashlib.sha256(got).hexdigest() != digest:
            raise BlobDiffers("what came is not what was announced", where=digest)
        self._blobs[digest] = bytes(got)

    def open_range(self, digest: Digest, start: int, length: int) -> Iterator[bytes]:
        data = self.get(digest)[start : start + length]
        return (data[at : at + _PART_BYTES] for at in range(0, len(data), _PART_BYTES))

    def open_file(self, digest: Digest) -> int:
        descriptor = os.memfd_create("blob", os.MFD_CLOEXEC)
        os.write(descriptor, self.get(digest))
        return descriptor

    def remove(self, digests: Collection[Digest]) -> None:
        for digest in digests:
            self._blobs.pop(_checked(digest), None)

    def free_bytes(self) -> None:
        return None

    def check(self) -> None:
        return

    def sweep(self, untouched_s: float = 0.0) -> int:  # noqa: ARG002 - nothing is left here
        return 0


def _checked(digest: Digest) -> Digest:
    if not is_digest(digest):
        raise ValueError("a blob's name is its SHA-256")
    return digest
