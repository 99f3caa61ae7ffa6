"""The status on demand: a socket in the edge's folder that tells it to whoever connects; nothing goes to the disk.

The folder is its user's alone, so only that user and root can ask. It is found by the folder, however the agent was
started.
"""

import contextlib
import os
import select
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from ringfence.edge.storage.disk import disk_faults

ANSWER_TIMEOUT_S = 5.0
_MOST_WAITING = 64
_CHUNK_BYTES = 1 << 16


class StatusSocket:
    """Tells what ``status`` returns, until ``close``."""

    def __init__(self, path: Path, status: Callable[[], bytes]) -> None:
        self._path = path
        self._status = status
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._thread = threading.Thread(target=self._run, name="status", daemon=True)

    def start(self) -> None:
        """Take questions. DiskFault, DiskFull."""
        with disk_faults(self._path), _short(self._path) as short:
            self._path.unlink(missing_ok=True)  # of an agent that was killed; the folder's lock says that it is gone
            self._socket.bind(short)
            self._path.chmod(0o600)
            self._socket.listen(_MOST_WAITING)
        self._thread.start()

    def close(self) -> None:
        """Take no more."""
        os.eventfd_write(self._wake, 1)
        if self._thread.ident is not None:
            self._thread.join()
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)
        self._socket.close()
        os.close(self._wake)

    def _run(self) -> None:
        poll = select.poll()
        for each in (self._socket, self._wake):
            poll.register(each, select.POLLIN)
        while self._wake not in (ready := [fd for fd, _ in poll.poll()]):
            if self._socket.fileno() in ready:
                with contextlib.suppress(OSError):  # whoever asked has gone
                    asker, _ = self._socket.accept()
                    with asker:
                        asker.settimeout(ANSWER_TIMEOUT_S)
                        asker.sendall(self._status())


def ask(path: Path) -> bytes | None:
    """Return the status that the agent behind a socket tells; None if there is none. DiskFault: not permitted."""
    told = bytearray()
    with disk_faults(path), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(ANSWER_TIMEOUT_S)
        try:
            with _short(path) as short:
                asking.connect(short)
            while part := asking.recv(_CHUNK_BYTES):
                told += part
        except (FileNotFoundError, ConnectionError, TimeoutError, BlockingIOError):
            return None
    return bytes(told)


@contextlib.contextmanager
def _short(path: Path) -> Iterator[str]:
    """Give a path that fits a socket's 108 bytes, however deep the folder is."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
