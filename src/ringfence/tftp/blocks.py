"""A file as the payloads of its DATA packets, in order, each taken once.

Retransmission is the sender's business: it keeps what is in flight. So neither form ever seeks back, which is what
lets netascii be converted on the way (RFC 1350 section 1, RFC 764: LF goes as CR LF, a bare CR as CR NUL).
"""

from collections.abc import Callable
from typing import Protocol

from ringfence.tftp.errors import ReadFailed

Read = Callable[[int, int], bytes]
"""``read(offset, size)`` gives at most ``size`` octets of the stored file; it may raise ReadFailed."""

READ_AHEAD_BYTES = 16 * 1024
"""One read serves this many octets: a system call for each block of 512 would cost as much as sending it."""


class Blocks(Protocol):
    """The payloads; the first one that is shorter than the block size is the last one."""

    def take(self) -> bytes:
        """Return the next payload. ReadFailed where the file can't be read or is shorter than it was."""


class OctetBlocks:
    """The stored octets as they are: ``length`` of them, whatever happens to the file after it was offered."""

    __slots__ = ("_ahead", "_block_size", "_cursor", "_left", "_offset", "_read")

    def __init__(self, read: Read, length: int, block_size: int) -> None:
        self._read = read
        self._left = length
        self._block_size = block_size
        self._offset = 0
        self._ahead = b""
        self._cursor = 0

    def take(self) -> bytes:
        """Return the next payload; see Blocks."""
        cursor = self._cursor
        end = cursor + self._block_size
        if end <= len(self._ahead):
            self._cursor = end
            return self._ahead[cursor:end]
        return self._take_over_the_edge()

    def _take_over_the_edge(self) -> bytes:
        self._ahead = self._ahead[self._cursor :]
        self._cursor = 0
        while len(self._ahead) < self._block_size and self._left:
            fresh = self._read(self._offset, min(self._left, max(READ_AHEAD_BYTES, self._block_size)))
            if not fresh:
                raise ReadFailed("a file ended before the length that it was offered with")
            self._offset += len(fresh)
            self._left -= len(fresh)
            self._ahead += fresh
        self._cursor = min(self._block_size, len(self._ahead))
        return self._ahead[: self._cursor]


class NetasciiBlocks:
    """The file converted to netascii; a pair may lie across two blocks."""

    __slots__ = ("_block_size", "_converted", "_left", "_offset", "_read")

    def __init__(self, read: Read, length: int, block_size: int) -> None:
        self._read = read
        self._left = length
        self._block_size = block_size
        self._offset = 0
        self._converted = bytearray()

    def take(self) -> bytes:
        """Return the next payload; see Blocks."""
        while len(self._converted) < self._block_size and self._left:
            fresh = self._read(self._offset, min(self._left, READ_AHEAD_BYTES))
            if not fresh:
                raise ReadFailed("a file ended before the length that it was offered with")
            self._offset += len(fresh)
            self._left -= len(fresh)
            self._converted += to_netascii(fresh)
        payload = bytes(self._converted[: self._block_size])
        del self._converted[: self._block_size]
        return payload


def to_netascii(data: bytes) -> bytes:
    """Return ``data`` as netascii; octet by octet, so that it may be done in pieces."""
    return data.replace(b"\r", b"\r\0").replace(b"\n", b"\r\n")


def from_netascii(data: bytes) -> bytes:
    """Return the stored form of a whole netascii file; a CR that is followed by neither LF nor NUL stays."""
    return data.replace(b"\r\n", b"\n").replace(b"\r\0", b"\r")
