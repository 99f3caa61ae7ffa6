"""What is read from a few small files, and read again once one of them was replaced."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from ringfence.errors import RingfenceError

T = TypeVar("T")
Mark = tuple[int, int, int] | None
"""A file's inode, its time of change in nanoseconds, and its size; None where there is none."""


class WatchedFiles(Generic[T]):
    """The newest reading of files that another process of the hub, or a restored copy, may replace.

    Each ``get`` looks at the files' inodes and times, which costs microseconds, and reads only what is new. Files that
    can't be read any more change nothing: what was read last stays.
    """

    def __init__(self, paths: Sequence[Path], read: Callable[[], T]) -> None:
        """Read the files for the first time.

        Raises:
            RingfenceError: Whatever ``read`` raises.
        """
        self._paths, self._read = tuple(paths), read
        self._lock = threading.Lock()
        marks = self._look()
        self._held = (marks, read())

    def get(self) -> T:
        """Return what the files hold."""
        marks, value = self._held
        if self._look() == marks:
            return value
        with self._lock:
            marks = self._look()  # before reading, so that what comes meanwhile is read the next time
            try:
                self._held = (marks, self._read())
            except RingfenceError:
                self._held = (marks, self._held[1])
            return self._held[1]

    def _look(self) -> tuple[Mark, ...]:
        return tuple(_mark(path) for path in self._paths)


def _mark(path: Path) -> Mark:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
