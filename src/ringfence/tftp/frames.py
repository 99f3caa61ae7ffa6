"""The DATA packets of a file in octet mode, a stretch at a time, shared by all lock-step transfers of the file.

All transfers of the same file with the same block size use the same packets, as when a hundred phones boot after a
power cut. So a file is read and framed once, and a transfer keeps no packets of its own.
"""

from ringfence.tftp.blocks import Read, read_whole
from ringfence.tftp.packets import HEADER_BYTES, HIGHEST_BLOCK

DATA_HEAD = b"\0\x03"
ACK_HEAD = b"\0\x04"

BLOCKS_IN_STRETCH = 32
BYTES_IN_STRETCH = 18 * 1024
"""How much is read and framed at once: a few KB, because thousands of transfers may each read another file."""
STRETCHES_KEPT = 4

Stretch = tuple[list[bytes], list[bytes | None]]
"""DATA packets, and the ACK that each is answered with when another follows: None for the file's last one."""


class Frames:
    """The packets of ``length`` octets that ``read`` gives, which must not change as long as this lives.

    ``rollover`` follows block 65535. Memory is bounded: the stretches used last are kept.
    """

    __slots__ = ("__weakref__", "_kept", "_length", "_read", "block_size", "rollover")

    def __init__(self, read: Read, length: int, block_size: int, rollover: int = 0) -> None:
        self._read = read
        self._length = length
        self.block_size = block_size
        self.rollover = rollover
        self._kept: dict[int, Stretch] = {}

    def stretch(self, index: int) -> Stretch:
        """Return the packets of stretch ``index``, which is shared and must not be changed.

        The last stretch holds the packet that is shorter than the others, and so closes the file, be it empty
        (RFC 1350 section 6); none may be asked for behind it. ReadFailed where the file can't be read, or shrank.
        """
        found = self._kept.pop(index, None)
        if found is None:
            found = self._make(index)
            if len(self._kept) >= STRETCHES_KEPT:
                del self._kept[next(iter(self._kept))]
        self._kept[index] = found  # at the end: it was used last
        return found

    def _make(self, index: int) -> Stretch:
        size = self.block_size
        blocks = max(1, min(BLOCKS_IN_STRETCH, BYTES_IN_STRETCH // (HEADER_BYTES + size)))
        offset = index * blocks * size
        wanted = min(blocks * size, self._length - offset)
        data = read_whole(self._read, offset, wanted)
        starts = range(0, wanted, size)
        if wanted < blocks * size and wanted % size == 0:
            starts = range(0, wanted + 1, size)  # a multiple of the block size is closed by an empty block
        numbers = [self._number(index * blocks + step) for step in range(len(starts))]
        packets = [
            b"".join((DATA_HEAD, number, data[start : start + size]))
            for number, start in zip(numbers, starts, strict=True)
        ]
        acknowledgements: list[bytes | None] = [ACK_HEAD + number for number in numbers]
        if len(packets[-1]) < HEADER_BYTES + size:
            acknowledgements[-1] = None
        return packets, acknowledgements

    def _number(self, block: int) -> bytes:
        """Return the block number of the file's block ``block``, which is counted from 0."""
        if block >= HIGHEST_BLOCK:
            block = block % HIGHEST_BLOCK if self.rollover else (block + 1) % (HIGHEST_BLOCK + 1) - 1
        return (block + 1).to_bytes(2, "big")
