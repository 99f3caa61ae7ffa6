"""Blobs as files in a folder."""

import hashlib
import math
import os
import secrets
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from ringfence.content.digests import Digest, is_digest
from ringfence.hub.data import blob_store
from ringfence.hub.data.blob_store import BlobStore
from ringfence.hub.data_errors import BlobUnavailable
from ringfence.hub.errors import BlobDiffers

_SYNC_THREADS = 8
_TEMPORARY = ".part"


class DirectoryBlobs(BlobStore):
    """Blobs as files, 256 folders wide: written beside their place, made durable, then moved into it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, blobs: Mapping[Digest, bytes]) -> None:
        """Keep ``blobs``: their disk writes are waited for together, which is what makes a large publish quick."""
        missing = {digest: data for digest, data in blobs.items() if not self.has(digest)}
        if not missing:
            return
        with _faults("written"):
            folders = {self._place(digest).parent for digest in missing}
            for folder in folders:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with ThreadPoolExecutor(min(_SYNC_THREADS, len(missing))) as pool:
                list(pool.map(self._write, missing.keys(), missing.values()))
                list(pool.map(_sync_folder, [*folders, self._folder]))

    def get(self, digest: Digest) -> bytes:
        """Return a blob's bytes."""
        with _faults("read", digest):
            return self._place(digest).read_bytes()

    def has(self, digest: Digest) -> bool:
        """Return whether a blob is kept."""
        return self._place(digest).exists()

    def size_bytes(self, digest: Digest) -> int:
        """Return how large a blob is."""
        with _faults("read", digest):
            return self._place(digest).stat().st_size

    @contextmanager
    def receive(self, digest: Digest) -> Iterator[Callable[[bytes], None]]:
        """Keep what the block writes, in parts of any size, once it is whole and durable."""
        place = self._place(digest)
        temporary = place.with_name(f"{digest}.{secrets.token_hex(4)}{_TEMPORARY}")
        hashed = hashlib.sha256()
        with _faults("written", digest):
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")

        def write(data: bytes) -> None:
            hashed.update(data)
            with _faults("written", digest):
                if file.tell() + len(data) > blob_store.LARGEST_RECEIVED_BYTES:
                    most = blob_store.LARGEST_RECEIVED_BYTES >> 20
                    raise BlobDiffers(f"an upload can have at most {most} MiB")
                file.write(data)

        try:
            yield write  # what the block raises is its own, and no fault of the disk
            if hashed.hexdigest() != digest:
                raise BlobDiffers(
                    "the upload differs from its announced digest or length",
                    where=digest,
                    to_do="Send it again; it may have been cut off.",
                )
            with _faults("written", digest):
                file.flush()
                os.fsync(file.fileno())
                temporary.rename(place)
                _sync_folder(place.parent)
        finally:
            with suppress(OSError):  # it is whole by now, or not wanted
                file.close()
            temporary.unlink(missing_ok=True)

    def open_range(self, digest: Digest, start: int, length: int) -> Iterator[bytes]:
        """Return part of a blob in pieces of at most 64 KiB."""
        with _faults("read", digest):
            file = self._place(digest).open("rb")
            file.seek(start)
        return _parts(file, length)

    def open_file(self, digest: Digest) -> int:
        """Return a descriptor of a blob's file."""
        with _faults("read", digest):
            return os.open(self._place(digest), os.O_RDONLY | os.O_CLOEXEC)

    def remove(self, digests: Collection[Digest]) -> None:
        """Remove blobs; their disk writes are waited for together."""
        places = [self._place(digest) for digest in digests]
        with _faults("removed"):
            for place in places:
                place.unlink(missing_ok=True)
            folders = [folder for folder in {place.parent for place in places} if folder.is_dir()]
            if folders:
                with ThreadPoolExecutor(min(_SYNC_THREADS, len(folders))) as pool:
                    list(pool.map(_sync_folder, folders))

    def free_bytes(self) -> int:
        """Return how much room the disk has left."""
        with _faults("looked at"):
            return shutil.disk_usage(self._folder).free

    def check(self) -> None:
        """Look whether the folder is there."""
        self.free_bytes()

    def sweep(self, untouched_s: float = 0.0) -> int:
        """Remove what a crash left half-written and nobody has written to for so long; return how many files."""
        before = time.time() - untouched_s
        left = [path for path in self._folder.glob(f"??/*{_TEMPORARY}") if _written_at(path) <= before]
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)

    def _place(self, digest: Digest) -> Path:
        if not is_digest(digest):
            raise ValueError("a blob's name is its SHA-256")
        return self._folder / digest[:2] / digest

    def _write(self, digest: Digest, data: bytes) -> None:
        place = self._place(digest)
        temporary = place.with_name(f"{digest}.{secrets.token_hex(4)}{_TEMPORARY}")
        try:
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.rename(place)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def _written_at(path: Path) -> float:
    """Return when a part was written to last; one that another process has finished meanwhile was so just now."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return math.inf


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _parts(file: BinaryIO, length: int) -> Iterator[bytes]:
    with file:
        while length > 0:
            part = file.read(min(65_536, length))
            if not part:
                return
            length -= len(part)
            yield part


@contextmanager
def _faults(done: str, digest: str = "") -> Iterator[None]:
    try:
        yield
    except OSError as fault:
        raise BlobUnavailable(
            f"blobs can't be {done}: {fault.strerror or fault}",
            where=digest,
            to_do="Check the disk of the hub's data folder: it may be full, or something was removed.",
        ) from None
