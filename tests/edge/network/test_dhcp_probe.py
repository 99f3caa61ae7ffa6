"""The question who else gives out addresses, and who is believed to answer it (RFC 2131)."""

import struct
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.edge.network.dhcp_probe import discover, offered_by

MAC, TRANSACTION = bytes.fromhex("001122334455"), 0x12345678
OFFER_TYPE, SERVER_ID = b"\x35\x01\x02", b"\x36\x04\xc0\xa8\x01\x01"


def offer(transaction: int = TRANSACTION, options: bytes = OFFER_TYPE + SERVER_ID, **changed: int) -> bytes:
    """A server's answer; ``changed`` are bytes of the frame by position (``at14``)."""
    question = discover(MAC, transaction)
    bootp = bytearray(question[42:278])
    bootp[0] = 2
    udp = struct.pack("!HHHH", 67, 68, 8 + 240 + len(options), 0)
    head = bytearray(question[14:34])
    head[12:16] = IPv4Address("192.168.1.254").packed
    frame = bytearray(question[:14] + head + udp + bytes(bootp) + b"\x63\x82\x53\x63" + options + b"\xff")
    for name, value in changed.items():
        frame[int(name.removeprefix("at"))] = value
    return bytes(frame)


def test_the_question_is_a_discover_from_nobody_to_all() -> None:
    frame = discover(MAC, TRANSACTION)
    assert frame[:14] == b"\xff" * 6 + MAC + b"\x08\x00"
    assert (frame[26:30], frame[30:34]) == (bytes(4), b"\xff" * 4)
    words = struct.unpack("!10H", frame[14:34])
    total = sum(words)
    assert (total & 0xFFFF) + (total >> 16) == 0xFFFF, "the header's checksum"
    assert struct.unpack("!H", frame[16:18])[0] == len(frame) - 14
    assert b"\x63\x82\x53\x63\x35\x01\x01\xff" in frame


def test_who_offers_is_the_server_that_says_so_or_else_the_sender() -> None:
    assert offered_by(offer(), TRANSACTION) == IPv4Address("192.168.1.1")
    assert offered_by(offer(options=OFFER_TYPE), TRANSACTION) == IPv4Address("192.168.1.254")
    assert offered_by(offer(options=b"\0\0" + OFFER_TYPE + b"\x36"), TRANSACTION) == IPv4Address("192.168.1.254")


@pytest.mark.parametrize(
    "frame",
    [
        offer(transaction=1),
        offer(options=b"\x35\x01\x05"),
        offer(options=b""),
        offer(at12=0x86),
        offer(at14=0x65),
        offer(at14=0x41),
        offer(at21=3),
        offer(at23=6),
        offer(at35=69),
        offer(at42=1),
        offer()[:200],
        discover(MAC, TRANSACTION),
        b"",
    ],
)
def test_all_else_is_no_offer(frame: bytes) -> None:
    assert offered_by(frame, TRANSACTION) is None


@given(st.binary(max_size=700) | st.binary(max_size=400).map(lambda more: offer(options=more)))
def test_no_frame_raises_anything(frame: bytes) -> None:
    offered_by(frame, TRANSACTION)
