"""Room that is kept back on an edge's disk, so that its state can still be written when everything else is full.

It is one file of real blocks. ``Disk.replace`` gives it up when there is no other room; it is taken again as soon as
there is, so that the next time finds it.
"""

import contextlib
import os
import threading
from pathlib import Path

RESERVE_BYTES = 1 << 20
"""Some times what the state, the certificate, the newest metadata and the phones' list have together."""


class Reserve:
    """The room at ``path``; safe to use from several threads."""

    def __init__(self, path: Path, size_bytes: int = RESERVE_BYTES) -> None:
        self._path = path
        self._size_bytes = size_bytes
        self._lock = threading.Lock()

    @property
    def is_there(self) -> bool:
        """Whether the room is kept back now."""
        with contextlib.suppress(OSError):
            return self._path.stat().st_size >= self._size_bytes
        return False

    def take(self) -> None:
        """Keep the room back, if it is not and the disk has twice as much; without that it is tried again later."""
        with self._lock, contextlib.suppress(OSError):
            if self.is_there or free_bytes(self._path.parent) < 2 * self._size_bytes:
                return
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, self._size_bytes)
            except OSError:
                self._path.unlink()  # others were faster: a part of it would only take their room
            finally:
                os.close(descriptor)

    def give_up(self) -> bool:
        """Give the room free; return whether there was any."""
        with self._lock, contextlib.suppress(OSError):
            if self._path.stat().st_size:
                self._path.unlink()
                return True
        return False


def free_bytes(folder: Path) -> int:
    """Return how much an ordinary user may still write on a folder's disk. OSError: it is not there."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize
