"""The file operations that an edge's folder is made of.

Everything that must survive a power cut goes through ``Disk``, so that a test can cut the power between any two
operations. ``replace`` is the only way to change a file: afterwards the file has either all old or all new bytes.
"""

import contextlib
import errno
import fcntl
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from ringfence.edge.errors import DiskFault, DiskFull
from ringfence.edge.storage import reserve
from ringfence.edge.storage.reserve import Reserve

TEMPORARY = ".new"
"""Ends the name of a file that is being written; ``replace`` gives it its own."""


class Disk:
    """File operations on one machine.

    Every operation raises DiskFull if there is no space, and DiskFault if the machine refuses it for another reason;
    earlier data stays readable.
    """

    reserve: Reserve | None = None
    """Room that ``replace`` may use when there is no other."""

    def free_bytes(self, folder: Path) -> int:
        """Return how much can still be written where a folder is."""
        with disk_faults(folder):
            return reserve.free_bytes(folder)

    def read(self, path: Path) -> bytes | None:
        """Return a file's bytes, or None if there is no such file."""
        with disk_faults(path):
            try:
                return path.read_bytes()
            except FileNotFoundError:
                return None

    def size(self, path: Path) -> int:
        """Return a file's size in bytes; 0 if there is no such file."""
        with disk_faults(path):
            try:
                return path.stat().st_size
            except FileNotFoundError:
                return 0

    def names(self, folder: Path) -> list[str]:
        """Return the names in a folder, sorted; empty if there is no such folder."""
        with disk_faults(folder):
            try:
                return sorted(os.listdir(folder))  # noqa: PTH208 - names are wanted, not paths
            except FileNotFoundError:
                return []

    def open(self, path: Path) -> int:
        """Return a descriptor that reads a file."""
        with disk_faults(path):
            return os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def replace(self, path: Path, data: bytes) -> None:
        """Put ``data`` in the place of a file, durably and in one step; if the disk is full, out of the reserve."""
        try:
            self._replace(path, data)
        except DiskFull:
            if self.reserve is None or not self.reserve.give_up():
                raise
            self._replace(path, data)

    def _replace(self, path: Path, data: bytes) -> None:
        temporary = path.with_name(path.name + TEMPORARY)
        try:
            self.write(temporary, data)
            self.sync(temporary)
        except DiskFull:
            self.remove(temporary)
            raise
        self.rename(temporary, path)
        self.sync_folder(path.parent)

    def make_folder(self, path: Path) -> None:
        """Create a folder, and those above it, that only its owner reads."""
        with disk_faults(path):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def write(self, path: Path, data: bytes) -> None:
        """Write a whole file that only its owner reads; neither durable nor in one step."""
        self._write(path, data, os.O_TRUNC)

    def append(self, path: Path, data: bytes) -> None:
        """Add bytes to a file's end; neither durable nor in one step."""
        self._write(path, data, os.O_APPEND)

    def sync(self, path: Path) -> None:
        """Wait until a file's bytes would survive a cut of the power."""
        with disk_faults(path):
            _fsync(path, os.O_RDONLY)

    def rename(self, old: Path, new: Path) -> None:
        """Give a file its final name, in one step."""
        with disk_faults(new):
            old.replace(new)

    def sync_folder(self, path: Path) -> None:
        """Wait until a folder's names would survive a cut of the power."""
        with disk_faults(path):
            _fsync(path, os.O_RDONLY | os.O_DIRECTORY)

    def remove(self, path: Path) -> None:
        """Remove a file if it exists."""
        with disk_faults(path):
            path.unlink(missing_ok=True)

    def erase(self, path: Path) -> bool:
        """Overwrite a file where it stands, then remove it; a flash disk may keep the old bytes elsewhere.

        Returns:
            False, and nothing is done, while any process has it open: its transfers would go on with other bytes.
        """
        with disk_faults(path):
            try:
                descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            except FileNotFoundError:
                return True
            try:
                if _is_open_elsewhere(descriptor):
                    return False
                os.pwrite(descriptor, bytes(os.fstat(descriptor).st_size), 0)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        self.remove(path)
        return True

    def remove_tree(self, folder: Path) -> None:
        """Remove a folder with its content, if it exists; links are removed, not followed."""
        for name in self.names(folder):
            path = folder / name
            if path.is_dir() and not path.is_symlink():
                self.remove_tree(path)
            else:
                self.remove(path)
        with disk_faults(folder), contextlib.suppress(FileNotFoundError):
            folder.rmdir()

    def _write(self, path: Path, data: bytes, how: int) -> None:
        with disk_faults(path):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | how, 0o600)
            try:
                rest = memoryview(data)
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
            finally:
                os.close(descriptor)


def _is_open_elsewhere(descriptor: int) -> bool:
    """Return whether another open descriptor reads or writes the same file: a lease is given to the only one alone."""
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)  # who opens it just now would end this process else
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    return False


def _fsync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def disk_faults(path: Path) -> Iterator[None]:
    """Turn what the machine says of a file into DiskFull or DiskFault."""
    try:
        yield
    except OSError as fault:
        if fault.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DiskFull(
                "the disk is full", where=str(path), to_do="Free some space; the edge then goes on by itself."
            ) from None
        raise DiskFault(
            f"the disk reports an error: {fault.strerror}", where=str(path), to_do="Check the disk."
        ) from fault
