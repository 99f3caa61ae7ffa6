"""What the kernel says of neighbours: read whole, and nothing believed that is not whole."""

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.server.neighbours import Neighbours, _take, open_socket

V4, V6 = socket.AF_INET, socket.AF_INET6
ANNA, BERT = bytes.fromhex("001122334455"), bytes.fromhex("001122334466")
REACHABLE, INCOMPLETE, STALE, FAILED, NO_ARP, PERMANENT = 0x02, 0x01, 0x04, 0x20, 0x40, 0x80


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def neighbour(host: str, mac: bytes, state: int = REACHABLE, interface: int = 2, sequence: int = 1) -> bytes:
    family = V6 if ":" in host else V4
    body = struct.pack("=BxxxiHBB", family, interface, state, 0, 1)
    body += attribute(1, socket.inet_pton(family, host)) + attribute(2, mac)
    return struct.pack("=IHHII", 16 + len(body), 28, 2, sequence, 0) + body


def done(sequence: int = 1) -> bytes:
    return struct.pack("=IHHIIi", 20, 3, 2, sequence, 0, 0)


def failed(code: int) -> bytes:
    return struct.pack("=IHHIIi", 20, 2, 0, 1, 0, -code)


def told(*datagrams: bytes, host: str = "192.0.2.9") -> frozenset[str]:
    """What is known of an address after the kernel's answer; each datagram of it is received by itself."""
    ours, kernels = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, kernels:
        for datagram in datagrams:
            kernels.send(datagram)
        return Neighbours(ours).macs_of(host)


def test_an_address_belongs_to_the_mac_addresses_that_links_show_for_it() -> None:
    assert told(neighbour("192.0.2.9", ANNA) + neighbour("192.0.2.8", BERT), done()) == {"001122334455"}
    assert told(neighbour("192.0.2.9", ANNA), neighbour("192.0.2.9", BERT, interface=3), done()) == {
        "001122334455", "001122334466",
    }  # fmt: skip
    assert told(neighbour("fe80::9", ANNA), done(), host="fe80::9%2") == {"001122334455"}
    assert told(neighbour("192.0.2.9", ANNA), done(), host="::ffff:192.0.2.9") == {"001122334455"}


@pytest.mark.parametrize(
    ("state", "counts"),
    [(REACHABLE, True), (STALE, True), (PERMANENT, True), (INCOMPLETE, False), (FAILED, False), (NO_ARP, False)],
)
def test_an_entry_counts_where_somebody_has_answered_for_it(state: int, counts: bool) -> None:
    assert bool(told(neighbour("192.0.2.9", ANNA, state), done())) is counts


@pytest.mark.parametrize(
    "datagrams",
    [
        (),  # the kernel is silent
        (neighbour("192.0.2.9", ANNA),),  # and has not ended
        (neighbour("192.0.2.9", ANNA), failed(1)),
        (neighbour("192.0.2.9", ANNA)[:-4], done()),
        (b"", done()),
        (neighbour("192.0.2.9", ANNA, sequence=7), done()),  # the answer to another question
        (neighbour("192.0.2.9", ANNA[:5]), done()),  # no Ethernet
    ],
)
def test_what_is_not_whole_proves_nothing(datagrams: tuple[bytes, ...]) -> None:
    assert told(*datagrams) == frozenset()


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    found: dict[str, set[str]] = {}
    try:
        _take(data, 1, found)
    except (OSError, struct.error):
        return
    assert all(len(mac) == 12 for macs in found.values() for mac in macs)


def test_the_real_kernel_answers() -> None:
    with open_socket() as asked_on:
        neighbours = Neighbours(asked_on)
        assert [neighbours.macs_of("192.0.2.253") for _ in range(3)] == [frozenset()] * 3
