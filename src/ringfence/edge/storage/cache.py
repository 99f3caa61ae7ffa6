"""The last good release on disk, complete at every moment.

Layout under ``cache/``: ``blobs/<sha256>`` verified bytes; ``partial/<sha256>`` downloads in progress; ``current.json``
the four roles' metadata as signed, with the moment at which they were last verified against a reachable hub;
``root.json`` the newest root, which may be newer than theirs.
``current.json`` is replaced in one step after every blob that it names is durable, so a cut of the power leaves the old
release or the new.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from ringfence.content.digests import Digest, check_blob, is_digest
from ringfence.content.errors import WrongDigest
from ringfence.content.release import Release, Target
from ringfence.content.trust import TrustedMetadata
from ringfence.edge.errors import DiskFull
from ringfence.edge.storage.disk import Disk
from ringfence.errors import ContentRefused

FORM = 1
SPARE_BYTES = 2 << 20
"""What a download leaves free: for the reserve, for reports, for who else uses the disk."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a cache held at start: a verified release with the blobs that are whole, or nothing yet."""

    trusted: TrustedMetadata
    refreshed_at: float
    damaged: tuple[str, ...] = ()
    """Names of files whose blob is missing or damaged; they are not offered until fetched again."""
    refusal: str = ""
    """Why the kept metadata was not taken, if it was not."""


class Cache:
    """The verified blobs and the current release of one edge."""

    def __init__(self, folder: Path, disk: Disk, site: str, first_root: bytes) -> None:
        self._disk = disk
        self._site = site
        self._first_root = first_root
        self._blobs = folder / "blobs"
        self._partial = folder / "partial"
        self._current = folder / "current.json"
        self._root = folder / "root.json"
        for path in (folder, self._blobs, self._partial):
            disk.make_folder(path)

    def load(self) -> Kept:
        """Verify what is kept: the metadata as of its last refresh, every blob by its digest."""
        kept = self._load_current()
        newest_root = self._disk.read(self._root)
        if newest_root is not None:
            try:
                kept.trusted.resume_root(newest_root)
            except ContentRefused:
                self._disk.remove(self._root)  # the hub still has it
        return kept

    def _load_current(self) -> Kept:
        raw = self._disk.read(self._current)
        if raw is None:
            return Kept(TrustedMetadata(self._site, self._first_root), 0.0)
        try:
            kept = json.loads(raw)
            roles = {role: text.encode() for role, text in kept["metadata"].items()}
            refreshed_at = float(kept["refreshed_at"])
            trusted = TrustedMetadata.restore(self._site, roles, refreshed_at)
        except (ValueError, KeyError, TypeError, AttributeError, ContentRefused) as fault:
            return Kept(TrustedMetadata(self._site, self._first_root), 0.0, refusal=str(fault) or type(fault).__name__)
        release = trusted.release
        targets = release.targets if release else ()
        return Kept(trusted, refreshed_at, tuple(target.name for target in targets if not self._is_whole(target)))

    def keep_root(self, trusted: TrustedMetadata) -> None:
        """Keep a verified root at once, whatever comes of the metadata after it."""
        self._disk.replace(self._root, trusted.root_bytes)

    def missing(self, release: Release) -> list[Target]:
        """Return one target for each blob of a release that is not here."""
        wanted = {target.digest: target for target in release.targets}
        here = set(self._disk.names(self._blobs))
        return [target for digest, target in wanted.items() if digest not in here]

    def make_room_for(self, release: Release) -> None:
        """See that the blobs which a release lacks fit on the disk, before the first of them is fetched.

        Cut downloads that it does not name are removed, if that is what it takes.

        Raises:
            DiskFull: They do not fit.
        """
        missing = self.missing(release)
        needed = sum(target.length - self.resume_at(target) for target in missing) + SPARE_BYTES
        if not missing or self._disk.free_bytes(self._blobs) >= needed:
            return
        wanted = {target.digest for target in missing}
        for name in self._disk.names(self._partial):
            if Digest(name) not in wanted:
                self._disk.remove(self._partial / name)
        free = self._disk.free_bytes(self._blobs)
        if free < needed:
            raise DiskFull(
                f"the disk is full: release {release.number} needs {needed / 1e6:.1f} MB, and {free / 1e6:.1f} MB are "
                "free",
                where=str(self._blobs),
                to_do="Free some space; the edge then goes on by itself.",
            )

    def resume_at(self, target: Target) -> int:
        """Return how many bytes of a blob's cut download are here; more than it may have counts as none."""
        size = self._disk.size(self._partial / target.digest)
        return size if size <= target.length else 0

    def begin(self, target: Target) -> None:
        """Delete a blob's cut download."""
        self._disk.remove(self._partial / target.digest)

    def add_part(self, target: Target, data: bytes) -> None:
        """Put bytes to the end of a blob's download."""
        self._disk.append(self._partial / target.digest, data)

    def finish(self, target: Target) -> None:
        """Verify a download and store it durably as a blob.

        Raises:
            WrongDigest: It contains other bytes, and is deleted.
            DiskFull, DiskFault: It can't be written.
        """
        path = self._partial / target.digest
        try:
            check_blob(self._disk.read(path) or b"", target.digest, target.length)
        except WrongDigest:
            self._disk.remove(path)
            raise
        if not target.length:
            self._disk.write(path, b"")
        self._disk.sync(path)
        self._disk.rename(path, self._blobs / target.digest)

    def commit(self, trusted: TrustedMetadata, now: float) -> None:
        """Make a complete, verified set the current release; every blob of it must be finished."""
        self._disk.sync_folder(self._blobs)
        roles = {role: data.decode() for role, data in trusted.whole_set().items()}
        kept = {"form": FORM, "site": self._site, "refreshed_at": now, "metadata": roles}
        self._disk.replace(self._current, json.dumps(kept).encode())

    def discard_unused(self, release: Release) -> None:
        """Remove blobs and cut downloads that a release does not name."""
        used = {target.digest for target in release.targets}
        for folder in (self._blobs, self._partial):
            for name in self._disk.names(folder):
                if Digest(name) not in used or not is_digest(name):
                    self._disk.remove(folder / name)

    def open(self, target: Target) -> int:
        """Return a descriptor that reads a target's bytes."""
        return self._disk.open(self._blobs / target.digest)

    def holds(self, target: Target) -> bool:
        """Return whether a target's blob is here."""
        return (self._blobs / target.digest).exists()

    def _is_whole(self, target: Target) -> bool:
        path = self._blobs / target.digest
        data = self._disk.read(path)
        if data is None:
            return False
        try:
            check_blob(data, target.digest, target.length)
        except WrongDigest:
            self._disk.remove(path)
            return False
        return True
