"""Files as payloads: octet and netascii (RFC 1350 section 1, RFC 764)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.tftp.blocks import (
    NetasciiBlocks,
    NetasciiDecoder,
    OctetBlocks,
    Read,
    from_netascii,
    to_netascii,
)
from ringfence.tftp.errors import ReadFailed


def reader(data: bytes, *, at_most: int = 1 << 20) -> Read:
    return lambda offset, size: data[offset : offset + min(size, at_most)]


def payloads(blocks: OctetBlocks | NetasciiBlocks, block_size: int) -> list[bytes]:
    taken = blocks.take(3)
    while len(taken[-1]) == block_size:
        taken.extend(blocks.take(3))
    return taken


@settings(deadline=None)
@given(st.integers(0, 40_000), st.integers(8, 20_000), st.integers(1, 20_000))
def test_the_octets_come_whole_in_blocks_however_the_reads_are_cut(length: int, block_size: int, at_most: int) -> None:
    at_most = max(at_most, length // 50, 1)
    data = bytes(index * 7 % 251 for index in range(length))
    taken = payloads(OctetBlocks(reader(data, at_most=at_most), length, block_size), block_size)
    assert b"".join(taken) == data
    assert all(len(payload) == block_size for payload in taken[:-1])
    assert len(taken) == length // block_size + 1


@settings(deadline=None)
@given(st.lists(st.sampled_from([b"\r", b"\n", b"a", b"\0", b"x" * 5])).map(b"".join), st.integers(8, 20))
def test_netascii_comes_back_whole_whatever_lies_on_a_border(data: bytes, block_size: int) -> None:
    taken = payloads(NetasciiBlocks(reader(data, at_most=3), len(data), block_size), block_size)
    assert b"".join(taken) == to_netascii(data)
    assert from_netascii(b"".join(taken)) == data
    decoder = NetasciiDecoder()
    assert b"".join([*map(decoder.feed, taken), decoder.end()]) == data


def test_rfc_764_line_feeds_and_carriage_returns() -> None:
    assert to_netascii(b"a\nb\rc\r\nd") == b"a\r\nb\r\0c\r\0\r\nd"


@pytest.mark.parametrize("form", [OctetBlocks, NetasciiBlocks])
def test_a_file_that_became_shorter_is_a_failure_and_not_a_short_file(form: type[OctetBlocks | NetasciiBlocks]) -> None:
    blocks = form(reader(b"x" * 700), 1000, 512)
    assert blocks.take(1) == [b"x" * 512]
    with pytest.raises(ReadFailed):
        blocks.take(1)


def test_a_file_that_became_longer_ends_where_it_was_offered_to_end() -> None:
    blocks = OctetBlocks(reader(b"x" * 5000), 600, 512)
    assert blocks.take(2) == [b"x" * 512, b"x" * 88]


def test_a_read_that_fails_once_loses_nothing() -> None:
    data = bytes(range(256)) * 3
    faults = [False, True, False, False, False]

    def flaky(offset: int, size: int) -> bytes:
        if faults.pop(0):
            raise ReadFailed("not now")
        return data[offset : offset + min(size, 100)]

    blocks = OctetBlocks(flaky, 250, 200)
    with pytest.raises(ReadFailed):
        blocks.take(2)
    assert b"".join(blocks.take(2)) == data[:250]
