"""The last good release on disk, complete at every moment.

Layout under ``cache/``: ``blobs/<sha256>`` verified bytes; ``partial/<sha256>`` downloads in progress; ``current.json``
the four roles' metadata as signed, with the moment at which they were last verified against a reachable hub;
``root.json`` the newest root, which may be newer than theirs.
``current.json`` is replaced in one step after every blob that it names is durable, so a cut of the power leaves the old
release or the new.

Where the vault is sealed, ``current.json`` and the blobs of private files stand on the disk as ciphertext alone, the
blobs under ``sealed/`` by names that tell nothing; such a blob is fetched into memory, and opened into memory for the
worker. The maker's own files, which anybody has, stay as they are.
"""

import contextlib
import fcntl
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

from ringfence.content.digests import Digest, check_blob, is_digest
from ringfence.content.errors import WrongDigest
from ringfence.content.release import Release, Target, TargetKind
from ringfence.content.trust import TrustedMetadata
from ringfence.edge.errors import DiskFull, SealedFileBroken
from ringfence.edge.storage.disk import Disk
from ringfence.edge.storage.vault import Vault, sealed_path
from ringfence.errors import ContentRefused

FORM = 1
SPARE_BYTES = 2 << 20
"""What a download leaves free: for the reserve, for reports, for who else uses the disk."""
LARGEST_SHARED_BYTES = 4 << 20
"""Files for all phones of a site are sealed up to this size; what is larger are rings, pictures and languages."""
_MEMORY_FILE = "ringfence-file"
_NEVER_CHANGED = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL


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
    """The verified blobs and the current release of one edge; ``vault`` says what of them is sealed."""

    def __init__(self, folder: Path, disk: Disk, site: str, first_root: bytes, vault: Vault) -> None:
        self._vault = vault
        self._disk = disk
        self._site = site
        self._first_root = first_root
        self._blobs = folder / "blobs"
        self._partial = folder / "partial"
        self._current = folder / "current.json"
        self._root = folder / "root.json"
        self._sealed = folder / "sealed"
        self._in_memory: dict[Digest, bytearray] = {}
        for path in (folder, self._blobs, self._partial, self._sealed):
            disk.make_folder(path)

    def load(self) -> Kept:
        """Verify what is kept: the metadata as of its last refresh, every blob by its digest; nothing while locked."""
        kept = self._load_current()
        newest_root = self._disk.read(self._root)
        if newest_root is not None:
            try:
                kept.trusted.resume_root(newest_root)
            except ContentRefused:
                self._disk.remove(self._root)  # the hub still has it
        return kept

    def _load_current(self) -> Kept:
        raw = self._vault.read(self._current)
        kept = self._kept_of(raw) if raw is not None else Kept(TrustedMetadata(self._site, self._first_root), 0.0)
        release = kept.trusted.release
        targets = release.targets if release else ()
        return replace(kept, damaged=tuple(target.name for target in targets if not self._is_whole(target)))

    def _kept_of(self, raw: bytes) -> Kept:
        try:
            kept = json.loads(raw)
            roles = {role: text.encode() for role, text in kept["metadata"].items()}
            refreshed_at = float(kept["refreshed_at"])
            trusted = TrustedMetadata.restore(self._site, roles, refreshed_at)
        except (ValueError, KeyError, TypeError, AttributeError, ContentRefused) as fault:
            return Kept(TrustedMetadata(self._site, self._first_root), 0.0, refusal=str(fault) or type(fault).__name__)
        return Kept(trusted, refreshed_at)

    def keep_root(self, trusted: TrustedMetadata) -> None:
        """Keep a verified root at once, whatever comes of the metadata after it."""
        self._disk.replace(self._root, trusted.root_bytes)

    def missing(self, release: Release) -> list[Target]:
        """Return one target for each blob of a release that is not here."""
        wanted = {target.digest: target for target in release.targets}
        here = {folder: set(self._disk.names(folder)) for folder in (self._blobs, self._sealed)}
        paths = ((self._path(target), target) for target in wanted.values())
        return [target for path, target in paths if path.name not in here[path.parent]]

    def make_room_for(self, release: Release) -> None:
        """See that the blobs which a release lacks fit on the disk, before the first of them is fetched.

        Cut downloads that it does not name are removed, if that is what it takes.

        Raises:
            DiskFull: They do not fit.
        """
        missing = self.missing(release)
        self._in_memory = {target.digest: self._in_memory.get(target.digest, bytearray()) for target in missing}
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
        if self._is_sealed(target):
            return len(self._in_memory.get(target.digest, b""))
        size = self._disk.size(self._partial / target.digest)
        return size if size <= target.length else 0

    def begin(self, target: Target) -> None:
        """Delete a blob's cut download."""
        self._in_memory.pop(target.digest, None)
        self._disk.remove(self._partial / target.digest)

    def add_part(self, target: Target, data: bytes) -> None:
        """Put bytes to the end of a blob's download."""
        if self._is_sealed(target):
            self._in_memory.setdefault(target.digest, bytearray()).extend(data)
            return
        self._disk.append(self._partial / target.digest, data)

    def finish(self, target: Target) -> None:
        """Verify a download and store it durably as a blob.

        Raises:
            WrongDigest: It contains other bytes, and is deleted.
            DiskFull, DiskFault: It can't be written.
        """
        if self._is_sealed(target):
            data = bytes(self._in_memory.pop(target.digest, b""))
            check_blob(data, target.digest, target.length)
            self._keep_sealed(target, data)
            return
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
        self._vault.replace(self._current, json.dumps(kept).encode())

    def discard_unused(self, release: Release) -> None:
        """Remove blobs and cut downloads that a release does not name."""
        self._in_memory.clear()
        used = {self._path(target) for target in release.targets}
        used |= {self._partial / target.digest for target in release.targets if not self._is_sealed(target)}
        for folder in (self._blobs, self._partial, self._sealed):
            for name in self._disk.names(folder):
                if folder / name not in used or not is_digest(name):
                    self._disk.remove(folder / name)

    def open(self, target: Target) -> int:
        """Return a descriptor that reads a target's bytes; of a sealed one, a file that is in memory alone.

        Raises:
            DiskFault: It can't be read.
            SealedFileBroken: It is sealed and was altered.
        """
        if not self._is_sealed(target):
            return self._disk.open(self._path(target))
        return _memory_file(self._read_sealed(target))

    def holds(self, target: Target) -> bool:
        """Return whether a target's blob is here."""
        return self._path(target).exists()

    def seal_rest(self) -> None:
        """Put under the seal whatever of the release stands in the clear; the vault must be open.

        The blobs in the clear, which transfers may be reading, are left to ``Vault.erase_left``. A cut of the power
        leaves each file in the clear, sealed, or both; another call does the rest.
        """
        kept = None if self._disk.size(sealed_path(self._current)) else self._disk.read(self._current)
        release = (self._kept_of(kept) if kept is not None else self._load_current()).trusted.release
        private = {target.digest: target for target in release.targets if _is_private(target)} if release else {}
        public = {target.digest for target in release.targets} - set(private) if release else set()
        for name in self._disk.names(self._blobs):
            target = private.get(Digest(name))
            if target is not None and not self._path(target).exists():
                data = self._disk.read(self._blobs / name) or b""
                with contextlib.suppress(WrongDigest):  # a damaged one is fetched again
                    check_blob(data, target.digest, target.length)
                    self._keep_sealed(target, data)
            if Digest(name) not in public:
                self._vault.leave(self._blobs / name)
        for name in self._disk.names(self._partial):
            if Digest(name) not in public:
                self._disk.erase(self._partial / name)
        self._vault.seal_file(self._current)

    def open_rest(self) -> None:
        """Put everything into the clear beside its sealed form, as the first half of the way back to open files."""
        release = self._load_current().trusted.release
        for target in release.targets if release else ():
            if _is_private(target) and self.holds(target):
                self._disk.replace(self._blobs / target.digest, self._read_sealed(target))
        self._vault.open_file(self._current)

    def forget_sealed(self) -> None:
        """Remove whatever is sealed: it is in the clear by now, or opens no more."""
        self._disk.remove(sealed_path(self._current))
        for name in self._disk.names(self._sealed):
            self._disk.remove(self._sealed / name)

    def _path(self, target: Target) -> Path:
        if self._is_sealed(target):
            return self._sealed / self._vault.blob_name(target.digest)
        return self._blobs / target.digest

    def _is_sealed(self, target: Target) -> bool:
        return self._vault.is_sealed and _is_private(target)

    def _keep_sealed(self, target: Target, data: bytes) -> None:
        path = self._sealed / self._vault.blob_name(target.digest)
        self._disk.replace(path, self._vault.seal(data, path.name))

    def _read_sealed(self, target: Target) -> bytes:
        path = self._path(target)
        return self._vault.open(self._disk.read(path) or b"", path.name)

    def _is_whole(self, target: Target) -> bool:
        path = self._path(target)
        data = self._disk.read(path)
        if data is None:
            return False
        try:
            check_blob(self._read_sealed(target) if self._is_sealed(target) else data, target.digest, target.length)
        except (WrongDigest, SealedFileBroken):
            self._disk.remove(path)
            return False
        return True


def _is_private(target: Target) -> bool:
    return target.kind == TargetKind.CONFIGURATION or (
        target.kind == TargetKind.SHARED and target.length <= LARGEST_SHARED_BYTES
    )


def _memory_file(data: bytes) -> int:
    descriptor = os.memfd_create(_MEMORY_FILE, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.lseek(descriptor, 0, os.SEEK_SET)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _NEVER_CHANGED)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
