"""Blobs in a store that speaks S3, so that several hub processes on several machines have the same ones.

Every read of a whole blob is checked against its digest, and no call waits without an end. What needs a file, such as
a descriptor for another process, gets it from a bounded folder of copies on this machine.
"""

import hashlib
import os
import secrets
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from ringfence.content.digests import Digest, is_digest
from ringfence.hub.data import blob_store
from ringfence.hub.data.blob_store import BlobStore
from ringfence.hub.data_errors import BlobUnavailable
from ringfence.hub.errors import BlobDiffers
from ringfence.secret import Secret

_AT_ONCE = 8
_CHUNK_BYTES: Final = 5 << 20
"""What an upload in parts has in memory, times two."""
_PART_BYTES = 65_536
_MOST_CACHED_BYTES: Final = 1 << 30
_TEMPORARY = ".part"
_CONNECT = timedelta(seconds=5)
_ANSWER = timedelta(seconds=60)
_TRY_FOR = timedelta(seconds=30)
_PROBE = "store-of-a-ringfence-hub"


@dataclass(frozen=True, slots=True)
class S3Place:
    """Where the blobs are: the bucket, the prefix in it, and how the store is reached."""

    bucket: str
    prefix: str
    endpoint: str
    region: str
    access_key: str
    secret_key: Secret = field(repr=False)


class S3Blobs(BlobStore):
    """Blobs as objects, named by their digests under a prefix."""

    def __init__(self, place: S3Place, cache: Path, most_cached_bytes: int = _MOST_CACHED_BYTES) -> None:
        self._where = f"s3://{place.bucket}/{place.prefix}".rstrip("/")
        self._cache, self._most_cached = cache, most_cached_bytes
        self._prefix = place.prefix.strip("/")
        endpoint = {"endpoint": place.endpoint} if place.endpoint else {}
        self._store = S3Store(
            place.bucket,
            region=place.region,
            access_key_id=place.access_key,
            secret_access_key=place.secret_key.reveal(),
            virtual_hosted_style_request=False,
            client_options={
                "connect_timeout": _CONNECT,
                "timeout": _ANSWER,
                "allow_http": urlsplit(place.endpoint).scheme == "http",
            },
            retry_config={"max_retries": 3, "retry_timeout": _TRY_FOR},
            **endpoint,  # type: ignore[arg-type]  # one key, a text
        )

    def check(self) -> None:
        """Write and read a small object, so that what is wrong with the store is said at the start.

        Raises:
            BlobUnavailable: The store is away, has no such bucket, or refuses.
        """
        name = self._name_of(_PROBE)
        with self._faults("written", is_bucket_in_doubt=True):
            obstore.put(self._store, name, b"ringfence")
            obstore.get(self._store, name).bytes()

    def put(self, blobs: Mapping[Digest, bytes]) -> None:
        """Keep ``blobs``, several at once; one that is there already is not written again."""
        for digest in blobs:
            self._place(digest)
        if blobs:
            with ThreadPoolExecutor(min(_AT_ONCE, len(blobs))) as pool:
                list(pool.map(self._put, blobs.keys(), blobs.values()))

    def get(self, digest: Digest) -> bytes:
        """Return a blob's bytes, which have its digest."""
        with self._faults("read", digest):
            data = obstore.get(self._store, self._place(digest)).bytes().to_bytes()
        if hashlib.sha256(data).hexdigest() != digest:
            raise self._other_bytes(digest)
        return data

    def has(self, digest: Digest) -> bool:
        """Return whether a blob is kept."""
        try:
            obstore.head(self._store, self._place(digest))
        except (NotFoundError, FileNotFoundError):
            return False
        except (BaseError, PermissionError) as fault:
            raise self._unavailable("looked at", digest, fault) from None
        return True

    def size_bytes(self, digest: Digest) -> int:
        """Return how large a blob is."""
        with self._faults("read", digest):
            return obstore.head(self._store, self._place(digest))["size"]

    @contextmanager
    def receive(self, digest: Digest) -> Iterator[Callable[[bytes], None]]:
        """Keep what the block writes: in a file of this machine first, and in the store once that is whole."""
        name = self._place(digest)
        with self._temporary(digest) as temporary, temporary.open("wb") as file:
            hashed = hashlib.sha256()

            def write(data: bytes) -> None:
                hashed.update(data)
                if file.tell() + len(data) > blob_store.LARGEST_RECEIVED_BYTES:
                    most = blob_store.LARGEST_RECEIVED_BYTES >> 20
                    raise BlobDiffers(f"an upload can have at most {most} MiB")
                with self._faults("written", digest):
                    file.write(data)

            yield write
            if hashed.hexdigest() != digest:
                raise BlobDiffers(
                    "the upload differs from its announced digest or length",
                    where=digest,
                    to_do="Send it again; it may have been cut off.",
                )
            with self._faults("written", digest):
                file.flush()
                obstore.put(self._store, name, temporary, chunk_size=_CHUNK_BYTES, max_concurrency=2)

    def open_range(self, digest: Digest, start: int, length: int) -> Iterator[bytes]:
        """Return part of a blob in pieces; who reads checks the whole."""
        size = self.size_bytes(digest)
        end = min(start + length, size)
        if end <= start:
            return iter(())
        with self._faults("read", digest):
            got = obstore.get(self._store, self._place(digest), options={"range": (start, end)})
            return self._parts(iter(got.stream(min_chunk_size=_PART_BYTES)), digest)

    def open_file(self, digest: Digest) -> int:
        """Return a descriptor of a copy on this machine, which is fetched where it is not there yet."""
        self._place(digest)
        copy = self._cache / digest
        with self._faults("read", digest):
            try:
                descriptor = os.open(copy, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return self._fetch(digest, copy)
            os.utime(descriptor)
            return descriptor

    def remove(self, digests: Collection[Digest]) -> None:
        """Remove blobs, and this machine's copies of them."""
        names = [self._place(digest) for digest in digests]
        for digest in digests:
            (self._cache / digest).unlink(missing_ok=True)
        if names:
            with self._faults("removed"):
                obstore.delete(self._store, names)

    def free_bytes(self) -> None:
        """Return None: such a store knows no end."""
        return

    def sweep(self, untouched_s: float = 0.0) -> int:
        """Remove what a crash left half-written on this machine and nobody has written to for so long."""
        before = time.time() - untouched_s
        left = 0
        for path in self._cache.glob(f"*{_TEMPORARY}"):
            with suppress(FileNotFoundError):  # whoever wrote it has ended
                if path.stat().st_mtime <= before:
                    path.unlink()
                    left += 1
        return left

    def _name_of(self, name: str) -> str:
        return f"{self._prefix}/{name}" if self._prefix else name

    def _place(self, digest: Digest) -> str:
        if not is_digest(digest):
            raise ValueError("a blob's name is its SHA-256")
        return self._name_of(f"{digest[:2]}/{digest}")

    def _put(self, digest: Digest, data: bytes) -> None:
        with self._faults("written", digest):
            try:
                obstore.put(self._store, self._place(digest), data, mode="create")
            except (AlreadyExistsError, FileExistsError):
                return

    def _parts(self, parts: Iterator[object], digest: Digest) -> Iterator[bytes]:
        while True:
            with self._faults("read", digest):
                part = next(parts, None)
            if part is None:
                return
            data = bytes(part)  # type: ignore[call-overload]  # a buffer
            for start in range(0, len(data), _PART_BYTES):
                yield data[start : start + _PART_BYTES]

    def _fetch(self, digest: Digest, copy: Path) -> int:
        with self._temporary(digest) as temporary:
            hashed = hashlib.sha256()
            with temporary.open("wb") as file:
                for part in self.open_range(digest, 0, self.size_bytes(digest)):
                    hashed.update(part)
                    file.write(part)
            if hashed.hexdigest() != digest:
                raise self._other_bytes(digest)
            descriptor = os.open(temporary, os.O_RDONLY | os.O_CLOEXEC)
            temporary.rename(copy)
        self._bound_copies()
        return descriptor

    def _bound_copies(self) -> None:
        """Remove the copies that were used least lately, as far as there are too many bytes of them."""
        found = []
        for path in self._cache.iterdir():
            with suppress(FileNotFoundError):  # another thread removed it
                if is_digest(path.name):
                    found.append((path.stat(), path))
        copies = sorted(found, key=lambda it: it[0].st_mtime)
        over = sum(status.st_size for status, _path in copies) - self._most_cached
        for status, path in copies:
            if over <= 0:
                return
            path.unlink(missing_ok=True)
            over -= status.st_size

    @contextmanager
    def _temporary(self, digest: Digest) -> Iterator[Path]:
        with self._faults("written", digest):
            self._cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._cache / f"{digest}.{secrets.token_hex(4)}{_TEMPORARY}"
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def _other_bytes(self, digest: Digest) -> BlobUnavailable:
        return BlobUnavailable(
            "a blob has other bytes than its name says", where=f"{self._where}: {digest}",
            to_do="Somebody wrote to the store, or it is damaged: put the object back from a copy of the hub.",
        )  # fmt: skip

    @contextmanager
    def _faults(self, done: str, digest: str = "", *, is_bucket_in_doubt: bool = False) -> Iterator[None]:
        try:
            yield
        except (BaseError, OSError) as fault:
            raise self._unavailable(done, digest, fault, is_bucket_in_doubt=is_bucket_in_doubt) from None

    def _unavailable(
        self, done: str, digest: str, fault: Exception, *, is_bucket_in_doubt: bool = False
    ) -> BlobUnavailable:
        """Return what is wrong in words: an answer of the store may be long, and name the key."""
        match fault:
            case NotFoundError() | FileNotFoundError() if is_bucket_in_doubt:
                why, to_do = "there is no such bucket", "Make it, or correct blobs_url in hub.toml."
            case NotFoundError() | FileNotFoundError():
                why, to_do = "there is no such blob", "Something removed it: put it back from a copy of the hub."
            case PermissionDeniedError() | UnauthenticatedError() | PermissionError():
                why, to_do = (
                    "the store refuses",
                    "Check blobs_access_key, its secret, and what it may do in the bucket.",
                )
            case BaseError():
                why, to_do = "the store does not answer as it should", "Check blobs_endpoint, and the store itself."
            case _:
                why, to_do = f"{fault}", "Check the disk of the hub's data folder."
        where = f"{self._where}: {digest}" if digest else self._where
        return BlobUnavailable(f"blobs can't be {done}: {why}", where=where, to_do=to_do)
