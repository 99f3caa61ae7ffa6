"""Packets to and from bytes: RFC 1350 section 5, RFC 2347, and the odd ones of real peers."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.tftp.errors import MalformedPacket, MalformedRequest
from ringfence.tftp.packets import (
    Acknowledgement,
    Data,
    ErrorPacket,
    OptionAcknowledgement,
    Packet,
    ReadRequest,
    WriteRequest,
    from_bytes,
    to_bytes,
)

TEXT = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), min_size=1, max_size=40)
NUMBER = st.integers(0, 0xFFFF)
OPTIONS = st.dictionaries(TEXT.map(str.lower).filter(lambda t: t == t.lower()), TEXT, max_size=3).map(
    lambda found: tuple(found.items())
)
PACKETS: st.SearchStrategy[Packet] = st.one_of(
    st.builds(ReadRequest, TEXT, TEXT.map(str.lower).filter(lambda t: t == t.lower()), OPTIONS),
    st.builds(WriteRequest, TEXT, TEXT.map(str.lower).filter(lambda t: t == t.lower()), OPTIONS),
    st.builds(Data, NUMBER, st.binary(max_size=600)),
    st.builds(Acknowledgement, NUMBER),
    st.builds(ErrorPacket, NUMBER, TEXT),
    st.builds(OptionAcknowledgement, OPTIONS),
)


@settings(deadline=None)
@given(PACKETS)
def test_every_packet_comes_back_from_its_bytes(packet: Packet) -> None:
    data = to_bytes(packet)
    if len(data) <= 512 or not isinstance(packet, ReadRequest | WriteRequest):
        assert from_bytes(data) == packet


@settings(deadline=None)
@given(st.binary(max_size=700))
def test_any_bytes_are_a_packet_or_malformed_and_nothing_else(data: bytes) -> None:
    try:
        packet = from_bytes(data)
    except MalformedPacket:
        return
    to_bytes(packet)


@settings(deadline=None)
@given(st.sampled_from([1, 2, 3, 4, 5, 6]), st.binary(max_size=520))
def test_any_bytes_behind_an_opcode_are_a_packet_or_malformed(opcode: int, tail: bytes) -> None:
    try:
        packet = from_bytes(opcode.to_bytes(2, "big") + tail)
    except MalformedRequest:
        assert opcode in {1, 2}
    except MalformedPacket:
        assert opcode not in {1, 2}
    else:
        to_bytes(packet)


@pytest.mark.parametrize(
    ("data", "packet"),
    [
        (b"\0\1SEP.xml\0OcTeT\0", ReadRequest("SEP.xml", "octet")),
        (b"\0\2log\0netascii\0", WriteRequest("log", "netascii")),
        (
            b"\0\1a\0octet\0BLKSIZE\x001428\0tsize\x000\0",
            ReadRequest("a", "octet", (("blksize", "1428"), ("tsize", "0"))),
        ),
        (b"\0\3\0\1", Data(1, b"")),
        (b"\0\4\xff\xff", Acknowledgement(65535)),
        (b"\0\5\0\1File not found\0", ErrorPacket(1, "File not found")),
        (b"\0\6blksize\x00512\0", OptionAcknowledgement((("blksize", "512"),))),
    ],
)
def test_rfc_1350_5_and_rfc_2347_forms(data: bytes, packet: Packet) -> None:
    assert from_bytes(data) == packet


@pytest.mark.parametrize(
    "data",
    [
        b"\0\1",
        b"\0\1\0",
        b"\0\1a",
        b"\0\1a\0",
        b"\0\1a\0octet",
        b"\0\1\0octet\0",
        b"\0\1a\0\0",
        b"\0\2",
        b"\0\1" + b"a" * 511,
    ],
    ids=repr,
)
def test_rfc_1350_5_a_request_without_name_mode_or_nul_is_a_malformed_request(data: bytes) -> None:
    with pytest.raises(MalformedRequest):
        from_bytes(data)


@pytest.mark.parametrize(
    "data", [b"", b"\0", b"\0\0", b"\0\7", b"\xff\xff", b"\1\0", b"\0\3\0", b"\0\4", b"\0\4\0", b"\0\5\0"]
)
def test_short_packets_and_unknown_opcodes_are_malformed(data: bytes) -> None:
    with pytest.raises(MalformedPacket) as caught:
        from_bytes(data)
    assert not isinstance(caught.value, MalformedRequest)


def test_rfc_2347_a_request_of_512_bytes_is_taken_and_one_of_513_is_not() -> None:
    longest = b"\0\1" + b"a" * (512 - 9) + b"\0octet\0"
    assert len(longest) == 512
    from_bytes(longest)
    with pytest.raises(MalformedRequest):
        from_bytes(longest[:2] + b"a" + longest[2:])


def test_bytes_after_an_ack_are_overlooked() -> None:
    assert from_bytes(b"\0\4\0\7rest") == Acknowledgement(7)


def test_an_error_without_its_last_nul_is_taken() -> None:
    assert from_bytes(b"\0\5\0\0oops") == ErrorPacket(0, "oops")


def test_rfc_2347_the_first_of_a_repeated_option_counts() -> None:
    packet = from_bytes(b"\0\1a\0octet\0blksize\x00100\0BlkSize\x00200\0")
    assert packet == ReadRequest("a", "octet", (("blksize", "100"),))


@pytest.mark.parametrize("tail", [b"tsize\0", b"tsize", b"tsize\x000", b"\0\0", b"\0"])
def test_a_bad_tail_of_the_options_is_overlooked(tail: bytes) -> None:
    packet = from_bytes(b"\0\1a\0octet\0blksize\x00100\0" + tail)
    assert packet == ReadRequest("a", "octet", (("blksize", "100"),))


def test_names_that_are_not_utf_8_survive() -> None:
    packet = from_bytes(b"\0\1caf\xe9\0octet\0")
    assert to_bytes(packet) == b"\0\1caf\xe9\0octet\0"


@pytest.mark.parametrize("packet", [Data(65536, b""), Acknowledgement(-1), ReadRequest("a\0b", "octet")], ids=repr)
def test_what_cannot_go_on_the_wire_is_a_value_error(packet: Packet) -> None:
    with pytest.raises(ValueError, match="wire"):
        to_bytes(packet)
