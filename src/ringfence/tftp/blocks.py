"""A file as the payloads of its DATA packets, in order, each taken once.

Retransmission is the sender's business: it keeps what is in flight. So neither form ever seeks back, which is what
lets netascii be converted on the way (RFC 1350 section 1, RFC 764: LF goes as CR LF, a bare CR as CR NUL).
"""

from collections.abc import Callable
from typing import Protocol

from ringfence.tftp.errors import ReadFailed

Read = Callable[[int, int], bytes]
"""``read(offset, size)`` gives at most ``size`` octets of the stored file; it may raise ReadFailed."""


class Blocks(Protocol):
    """The payloads; the first one that is shorter than the block size is the last one."""

    def take(self, count: int) -> list[bytes]:
        """Return the next ``count`` payloads, fewer at the end. ReadFailed where the file can't be read or shrank."""


class OctetBlocks:
    """The stored octets as they are: ``length`` of them, whatever happens to the file after it was offered."""

    __slots__ = ("_block_size", "_length", "_offset", "_read")

    def __init__(self, read: Read, length: int, block_size: int) -> None:
        self._read = read
        self._length = length
        self._block_size = block_size
        self._offset = 0

    def take(self, count: int) -> list[bytes]:
        """Return the next payloads; see Blocks."""
        size, wanted = self._block_size, min(count * self._block_size, self._length - self._offset)
        data = read_whole(self._read, self._offset, wanted)
        self._offset += wanted
        payloads = [data[start : start + size] for start in range(0, wanted, size)]
        if len(payloads) < count and wanted % size == 0:
            payloads.append(b"")  # a multiple of the block size is closed by an empty block (RFC 1350 section 6)
        return payloads


class NetasciiBlocks:
    """The file converted to netascii; a pair may lie across two blocks."""

    __slots__ = ("_block_size", "_converted", "_length", "_offset", "_read")

    def __init__(self, read: Read, length: int, block_size: int) -> None:
        self._read = read
        self._length = length
        self._block_size = block_size
        self._offset = 0
        self._converted = bytearray()

    def take(self, count: int) -> list[bytes]:
        """Return the next payloads; see Blocks."""
        payloads: list[bytes] = []
        size = self._block_size
        while len(payloads) < count and not (payloads and len(payloads[-1]) < size):
            while len(self._converted) < size and self._offset < self._length:
                wanted = min(size, self._length - self._offset)
                self._converted += to_netascii(read_whole(self._read, self._offset, wanted))
                self._offset += wanted
            payloads.append(bytes(self._converted[:size]))
            del self._converted[:size]
        return payloads


def read_whole(read: Read, offset: int, size: int) -> bytes:
    """Return ``size`` octets from ``offset``. ReadFailed where the file ends before."""
    data = read(offset, size) if size else b""
    while len(data) < size:
        more = read(offset + len(data), size - len(data))
        if not more:
            raise ReadFailed("a file ended before the length that was announced")
        data += more
    return data


def to_netascii(data: bytes) -> bytes:
    """Return ``data`` as netascii; octet by octet, so that it may be done in pieces."""
    return data.replace(b"\r", b"\r\0").replace(b"\n", b"\r\n")


def from_netascii(data: bytes) -> bytes:
    """Return the stored form of a whole netascii file; a CR that is followed by neither LF nor NUL stays."""
    return data.replace(b"\r\n", b"\n").replace(b"\r\0", b"\r")


class NetasciiDecoder:
    """Does what ``from_netascii`` does, piece by piece: a pair may lie across two blocks."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """Return what is certain after the next piece."""
        whole = self._held + data
        self._held = b"\r" if whole.endswith(b"\r") else b""
        return from_netascii(whole[:-1] if self._held else whole)

    def end(self) -> bytes:
        """Return what is left: a last CR that nothing followed."""
        return self._held
