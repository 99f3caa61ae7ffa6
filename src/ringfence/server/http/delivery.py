"""A file on its way over a TCP connection: its bytes by sendfile, and whether the peer has them."""

import fcntl
import os
import socket
import struct
import sys
import time

from ringfence.server.events import (
    HTTP,
    Cause,
    TransferFailed,
    TransferFinished,
)
from ringfence.server.files.catalogue import OfferedFile
from ringfence.server.http.requests import Slice

FILE_BYTES_PER_TURN = 256 * 1024
"""What one connection may send before others have their turn."""
_SIOCOUTQ = 0x5411  # <linux/sockios.h>: bytes that the peer has not acknowledged
_RESET = struct.pack("=ii", 1, 0)  # struct linger: closing drops what was not sent


class Delivery:
    """``wanted`` of ``file``, which is held until ``let_go``. Times are the loop's."""

    __slots__ = ("_began_at", "_offset", "_size_bytes", "deadline", "file", "left")

    def __init__(self, file: OfferedFile, wanted: Slice, now: float, deadline: float) -> None:
        file.hold()
        self.file = file
        self.left = wanted.length
        self.deadline = deadline
        self._offset = wanted.start
        self._size_bytes = wanted.length
        self._began_at = now

    def send(self, endpoint: socket.socket) -> bool:
        """Send what this turn allows of the rest; False if the file has become shorter. OSError as the socket's."""
        sent = os.sendfile(endpoint.fileno(), self.file.fd, self._offset, min(self.left, FILE_BYTES_PER_TURN))
        self._offset += sent
        self.left -= sent
        return sent > 0

    def finished(self, host: str, port: int, now: float) -> TransferFinished:
        """Return what is told once the peer has all."""
        return TransferFinished(
            at=time.time(),
            peer_host=host,
            peer_port=port,
            name=self.file.name,
            owner=self.file.owner,
            size_bytes=self._size_bytes,
            duration_s=round(now - self._began_at, 6),
            release=self.file.release,
            retransmissions=0,
            protocol=HTTP,
        )

    def failed(self, host: str, port: int, reason: str, cause: Cause) -> TransferFailed:
        """Return what is told where the peer will not have all."""
        return TransferFailed(time.time(), host, port, self.file.name, self.file.owner, reason, cause, HTTP)

    def let_go(self) -> None:
        """Let go of the file. Once."""
        self.file.let_go()


def unacknowledged_bytes(endpoint: socket.socket) -> int:
    """Return how many bytes the peer's TCP has not acknowledged."""
    return int.from_bytes(fcntl.ioctl(endpoint.fileno(), _SIOCOUTQ, bytes(4)), sys.byteorder)


def raise_fault(endpoint: socket.socket) -> None:
    """Raise what the network said of the connection, as an OSError; once."""
    number = endpoint.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if number:
        raise OSError(number, os.strerror(number))


def drop_unsent(endpoint: socket.socket) -> None:
    """Make closing tell the peer that it has not received everything (a TCP reset). Raises the socket's OSError."""
    endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
