import gc
import os
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.content.release import TargetKind
from ringfence.server.files.catalogue import Offer, OfferedFile
from ringfence.tftp.errors import ReadFailed
from ringfence.tftp.frames import (
    BLOCKS_IN_STRETCH,
    BYTES_IN_STRETCH,
    STRETCHES_KEPT,
    Frames,
)
from ringfence.tftp.packets import (
    Acknowledgement,
    Data,
    from_bytes,
    to_bytes,
)


class File:
    """Bytes to be read, and how often they were."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.reads: list[tuple[int, int]] = []

    def read(self, offset: int, size: int) -> bytes:
        self.reads.append((offset, size))
        return self.content[offset : offset + size]


def every_packet(frames: Frames) -> tuple[list[bytes], list[bytes | None]]:
    packets: list[bytes] = []
    acknowledgements: list[bytes | None] = []
    index = 0
    while not acknowledgements or acknowledgements[-1] is not None:
        more, awaited = frames.stretch(index)
        packets += more
        acknowledgements += awaited
        index += 1
    return packets, acknowledgements


@given(length=st.integers(0, 40_000), block_size=st.sampled_from([8, 512, 1024, 1428, 8192, 65464]))
def test_the_packets_are_the_file_in_order_and_end_with_a_shorter_one(length: int, block_size: int) -> None:
    content = (bytes(range(251)) * 160)[:length]
    packets, acknowledgements = every_packet(Frames(File(content).read, length, block_size))
    read = [from_bytes(packet) for packet in packets]
    assert all(isinstance(packet, Data) for packet in read)
    data = [packet for packet in read if isinstance(packet, Data)]
    assert b"".join(packet.payload for packet in data) == content
    assert [packet.block for packet in data] == list(range(1, len(data) + 1))
    assert {len(packet.payload) for packet in data[:-1]} <= {block_size}
    assert len(data[-1].payload) < block_size
    assert acknowledgements == [to_bytes(Acknowledgement(packet.block)) for packet in data[:-1]] + [None]


@pytest.mark.parametrize(("rollover", "after"), [(0, [65534, 65535, 0, 1]), (1, [65534, 65535, 1, 2])])
def test_numbers_roll_over_to_0_or_1_again_and_again(rollover: int, after: list[int]) -> None:
    frames = Frames(lambda _at, size: bytes(size), 3 * 65536 * 8, 8, rollover)
    packets, _ = every_packet(frames)
    numbers = [int.from_bytes(packet[2:4], "big") for packet in packets]
    period = 65536 - rollover
    for turn in range(2):
        start = 65533 + turn * period
        assert numbers[start : start + 4] == after
    assert len(numbers) == 3 * 65536 + 1


def test_what_is_asked_for_again_is_the_same_and_is_not_read_again() -> None:
    file = File(b"x" * 20_000)
    frames = Frames(file.read, 20_000, 512)
    first = frames.stretch(0)
    assert frames.stretch(0)[0][5] is first[0][5]
    assert len(file.reads) == 1


def test_the_stretches_used_last_are_kept_and_no_more() -> None:
    file = File(b"x" * 512 * BLOCKS_IN_STRETCH * (STRETCHES_KEPT + 3))
    frames = Frames(file.read, len(file.content), 512)
    for index in range(STRETCHES_KEPT):
        frames.stretch(index)
    frames.stretch(0)
    frames.stretch(STRETCHES_KEPT)  # one too many: the second goes
    file.reads.clear()
    frames.stretch(0)
    assert file.reads == []
    frames.stretch(1)
    assert len(file.reads) == 1


@pytest.mark.parametrize("block_size", [8, 512, 1428, 4096, 65464])
def test_a_stretch_is_a_few_kilobytes_or_one_block(block_size: int) -> None:
    packets, _ = Frames(lambda _at, size: bytes(size), 1 << 20, block_size).stretch(0)
    assert len(packets) == 1 or sum(map(len, packets)) <= BYTES_IN_STRETCH
    assert len(packets) <= BLOCKS_IN_STRETCH


def test_a_file_that_shrank_is_a_fault() -> None:
    with pytest.raises(ReadFailed):
        Frames(File(b"x" * 100).read, 600, 512).stretch(0)


def offered(content: bytes) -> OfferedFile:
    fd = os.memfd_create("offered")
    os.write(fd, content)
    return OfferedFile(Offer("f", fd, len(content), TargetKind.SHARED), 1)


def test_who_fetches_a_file_at_once_shares_its_packets_and_who_is_done_leaves_nothing() -> None:
    file = offered(b"x" * 2000)
    one, other = file.frames(512, 0), file.frames(512, 0)
    assert one is other
    assert file.frames(1428, 0) is not one
    assert file.frames(512, 1) is not one
    watched = weakref.ref(one)
    del one, other
    gc.collect()
    assert watched() is None
    file.let_go()
