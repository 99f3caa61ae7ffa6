"""What the kernel says of neighbours: read whole, and nothing believed that is not whole."""

import errno
import socket
import struct
from collections.abc import Sequence
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.guard.evidence import Shown
from ringfence.server.access.neighbours import (
    Links,
    Neighbours,
    _attributes,
    _neighbour,
    _take,
    open_socket,
)

V4, V6 = socket.AF_INET, socket.AF_INET6
ANNA, BERT = bytes.fromhex("001122334455"), bytes.fromhex("001122334466")
REACHABLE, INCOMPLETE, STALE, FAILED, NO_ARP, PERMANENT = 0x02, 0x01, 0x04, 0x20, 0x40, 0x80


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def neighbour(host: str, mac: bytes, state: int = REACHABLE, interface: int = 2, sequence: int = 3) -> bytes:
    family = V6 if ":" in host else V4
    body = struct.pack("=BxxxiHBB", family, interface, state, 0, 1)
    body += attribute(1, socket.inet_pton(family, host)) + attribute(2, mac)
    return struct.pack("=IHHII", 16 + len(body), 28, 2, sequence, 0) + body


def done(sequence: int = 3) -> bytes:
    return struct.pack("=IHHIIi", 20, 3, 2, sequence, 0, 0)


def failed(code: int) -> bytes:
    return struct.pack("=IHHIIi", 20, 2, 0, 3, 0, -code)


def link(name: str, index: int) -> bytes:
    body = struct.pack("=BxHiII", 0, 1, index, 0, 0) + attribute(3, name.encode() + b"\0")
    return struct.pack("=IHHII", 16 + len(body), 16, 2, 1, 0) + body


def address(network: str, prefix: int, index: int) -> bytes:
    family = V6 if ":" in network else V4
    body = struct.pack("=BBBBI", family, prefix, 0, 0, index) + attribute(1, socket.inet_pton(family, network))
    return struct.pack("=IHHII", 16 + len(body), 20, 2, 2, 0) + body


class Kernel:
    """A rtnetlink socket whose kernel says what the test wants; rows are written with the sequence number 3."""

    def __init__(self, datagrams: Sequence[bytes], links: bytes, networks: bytes, *, answers_one: bool) -> None:
        self._datagrams, self._links, self._networks = datagrams, links, networks
        self._answers_one = answers_one
        self._queue: list[bytes] = []

    def setblocking(self, _is_blocking: object) -> None:
        pass

    def send(self, question: bytes) -> None:
        _, kind, flags, sequence, _ = struct.unpack_from("=IHHII", question)
        if kind != 30:
            told, begun_as = (self._links + done(1), 1) if kind == 18 else (self._networks + done(2), 2)
            self._queue.append(told.replace(struct.pack("=II", begun_as, 0), struct.pack("=II", sequence, 0)))
        elif flags & 0x300:
            self._queue += [renumbered(one, sequence) for one in self._datagrams]
        elif not self._answers_one:
            self._queue.append(renumbered(failed(errno.EOPNOTSUPP), sequence))
        else:
            family, index = struct.unpack_from("=Bxxxi", question, 16)
            wanted = question[32:]
            found = [
                one for one in self._datagrams
                if wanted in one and one[16] == family and struct.unpack_from("=i", one, 20)[0] == index
            ]  # fmt: skip
            self._queue += [renumbered(one, sequence) for one in found or [failed(errno.ENOENT)]]

    def recv(self, _most: int) -> bytes:
        if not self._queue:
            raise BlockingIOError
        return self._queue.pop(0)


def renumbered(datagram: bytes, sequence: int) -> bytes:
    return datagram.replace(struct.pack("=II", 3, 0), struct.pack("=II", sequence, 0))


def answered(
    *datagrams: bytes, links: bytes = b"", networks: bytes = b"", answers_one: bool = False
) -> tuple[Links, Neighbours]:
    """The links and the neighbours by the kernel's answers; each datagram is received by itself."""
    kernel = Kernel(datagrams, links or link("lan", 2) + link("other", 3), networks, answers_one=answers_one)
    found = Links(cast("socket.socket", kernel))
    return found, found.neighbours(0.0)


def told(*datagrams: bytes, host: str = "192.0.2.9") -> frozenset[str]:
    """Which MAC addresses are known for an address after the kernel's answer."""
    _, neighbours = answered(*datagrams)
    return frozenset(shown.mac for shown in neighbours.shown_for(host))


def test_a_kernel_that_can_is_asked_for_one_address_on_each_link() -> None:
    rows = (neighbour("192.0.2.9", ANNA), neighbour("192.0.2.9", BERT, interface=3), neighbour("fe80::9", BERT))
    _, neighbours = answered(*rows, answers_one=True)
    assert {shown.mac for shown in neighbours.shown_for("192.0.2.9")} == {"001122334455", "001122334466"}
    assert {shown.mac for shown in neighbours.shown_for("fe80::9%2")} == {"001122334466"}
    assert neighbours.shown_for("192.0.2.8") == ()
    assert neighbours.shown_for("no address") == ()


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


def test_a_link_is_called_by_its_name_and_a_proof_of_just_now_is_told_from_an_old_one() -> None:
    rows = (neighbour("192.0.2.9", ANNA), neighbour("192.0.2.8", BERT, STALE, interface=3))
    links, neighbours = answered(*rows, done(), links=link("lan", 2), networks=address("192.0.2.1", 24, 2))
    assert neighbours.shown_for("192.0.2.9") == (Shown("001122334455", "lan"),)
    assert neighbours.shown_for("192.0.2.8") == (Shown("001122334466", "link 3"),)
    assert neighbours.is_proven_at("001122334455", "192.0.2.9")
    assert not neighbours.is_proven_at("001122334466", "192.0.2.8")
    assert links.has("192.0.2.77", 0.0)
    assert links.has("::ffff:192.0.2.77", 0.0)
    assert not links.has("198.51.100.1", 0.0)
    assert not links.has("no address", 0.0)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    rows: list[bytes] = []
    try:
        _take(data, 1, 28, rows)
    except (OSError, struct.error):
        return
    found = [_neighbour(body) for body in rows]
    assert all(each is None or len(each.mac) == 12 for each in found)
    assert all(isinstance(value, bytes) for body in rows for value in _attributes(body, 12).values())


def test_the_real_kernel_answers() -> None:
    with open_socket() as asked_on:
        links = Links(asked_on)
        assert [links.neighbours(0.0).shown_for("192.0.2.253") for _ in range(3)] == [()] * 3
        assert links.has("127.0.0.1", 0.0)
        assert links.most_neighbours() >= 128
        links.resolve("127.0.0.1")
        links.resolve("fe80::1%1")
        links.resolve("no address")
