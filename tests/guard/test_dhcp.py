"""What asks for an address: read from the frame, and nothing believed that is not whole."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.guard.dhcp import (
    MOST_OPTIONS,
    DhcpRequest,
    names_a_phone,
    read_dhcp,
)

ANNA = bytes.fromhex("001122334455")
CLASS = b"Cisco Systems, Inc. IP Phone CP-9951\0"


def option(number: int, value: bytes) -> bytes:
    return bytes((number, len(value))) + value


DISCOVER, WANTS, NAMED = option(53, b"\1"), option(55, bytes((1, 66, 6, 3, 150))), option(60, CLASS)


def frame(options: bytes, *, sender: bytes = ANNA, inside: bytes = ANNA, port: int = 67, op: int = 1) -> bytes:
    bootp = struct.pack("!BBBB", op, 1, 6, 0) + bytes(24) + inside + bytes(202) + b"\x63\x82\x53\x63" + options
    udp = struct.pack("!HHHH", 68, port, 8 + len(bootp), 0) + bootp
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + bytes(4) + b"\xff" * 4
    return b"\xff" * 6 + sender + b"\x08\x00" + ip + udp


def test_a_phone_names_itself_and_asks_for_options_in_its_order() -> None:
    asked = read_dhcp(frame(DISCOVER + b"\0\0" + WANTS + NAMED + option(12, b"SEP001122334455") + b"\xff"))
    assert asked == DhcpRequest(
        "001122334455", "Cisco Systems, Inc. IP Phone CP-9951", (1, 66, 6, 3, 150), "SEP001122334455"
    )
    assert names_a_phone(asked.vendor_class)
    assert not names_a_phone("MSFT 5.0")


@pytest.mark.parametrize(
    "data",
    [
        frame(WANTS + NAMED),  # no kind of message
        frame(option(53, b"\2") + NAMED),  # an offer
        frame(DISCOVER, inside=bytes(6)),  # another machine's address inside
        frame(DISCOVER, port=69),
        frame(DISCOVER, op=2),
        frame(DISCOVER)[:200],
        b"",
    ],
)
def test_anything_else_is_none(data: bytes) -> None:
    assert read_dhcp(data) is None


def test_an_option_that_goes_beyond_the_end_ends_the_list_and_a_second_one_counts_for_nothing() -> None:
    asked = read_dhcp(frame(DISCOVER + NAMED + option(60, b"other") + b"\x37\xff\1"))
    assert asked is not None
    assert (asked.vendor_class, asked.options) == ("Cisco Systems, Inc. IP Phone CP-9951", ())


@given(st.binary(max_size=600), st.binary(max_size=300))
def test_any_bytes_are_read_or_passed_over(data: bytes, options: bytes) -> None:
    for each in (data, frame(options), frame(DISCOVER + options)):
        asked = read_dhcp(each)
        if asked is not None:
            assert asked.vendor_class.isprintable()
            assert len(asked.options) <= MOST_OPTIONS
