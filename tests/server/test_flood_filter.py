"""Whom the kernel keeps out of a request socket, for how long, and that nobody else notices."""

import socket
from collections.abc import Iterator

import pytest

from ringfence.server.io import sockets
from ringfence.server.tftp.flood_filter import (
    MOST_SHUT_OUT,
    SHUT_OUT_S,
    TOO_MANY,
    ShuttingOut,
    filter_for,
)

ONE, OTHER = "127.3.0.1", "127.3.0.2"
_MEMORY_BOUND = 4096


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with sockets.listen("127.0.0.1", 0) as listening:
        yield listening


def gets_through(host: str, listener: socket.socket) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as phone:
        phone.bind((host, 0))
        target = listener.getsockname()[:2]
        if family == socket.AF_INET and listener.family == socket.AF_INET6:
            target = ("127.0.0.1", target[1])
        phone.sendto(b"\0\1f\0octet\0", target)
    try:
        return listener.recv(100) == b"\0\1f\0octet\0"  # on loopback it is here as soon as it is sent
    except BlockingIOError:
        return False


def shut_out(subject: ShuttingOut, host: str, now: float = 0.0) -> bool:
    return [subject.note(host, now) for _ in range(TOO_MANY)][-1]


def test_who_sends_far_too_much_is_kept_out_for_a_while_and_nobody_else(listener: socket.socket) -> None:
    subject = ShuttingOut()
    subject.guard(listener)
    assert [subject.note(ONE, 0.5) for _ in range(TOO_MANY)] == [False] * (TOO_MANY - 1) + [True]
    assert (gets_through(ONE, listener), gets_through(OTHER, listener)) == (False, True)
    subject.tidy(0.5 + SHUT_OUT_S - 0.01)
    assert not gets_through(ONE, listener)
    subject.tidy(0.5 + SHUT_OUT_S)
    assert gets_through(ONE, listener)


def test_what_comes_over_a_longer_time_is_no_flood(listener: socket.socket) -> None:
    subject = ShuttingOut()
    subject.guard(listener)
    for second in range(5):
        assert not any(subject.note(ONE, float(second)) for _ in range(TOO_MANY - 1))
    assert gets_through(ONE, listener)


def test_several_are_kept_out_and_let_in_one_by_one(listener: socket.socket) -> None:
    subject = ShuttingOut()
    subject.guard(listener)
    assert shut_out(subject, ONE, 0.0)
    assert shut_out(subject, OTHER, 2.0)
    assert (gets_through(ONE, listener), gets_through(OTHER, listener)) == (False, False)
    subject.tidy(SHUT_OUT_S)
    assert (gets_through(ONE, listener), gets_through(OTHER, listener)) == (True, False)


def test_both_families_are_kept_out_of_a_socket_for_both() -> None:
    listener = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    listener.bind(("::", 0))
    listener.setblocking(False)
    subject = ShuttingOut()
    subject.guard(listener)
    try:
        assert gets_through("::1", listener)
        shut_out(subject, "::2", 0.0)
        shut_out(subject, "fd00::1", 0.0)
        shut_out(subject, ONE, 0.0)
        assert (gets_through("::1", listener), gets_through(ONE, listener)) == (True, False)
        shut_out(subject, "::1", 1.0)
        assert (gets_through("::1", listener), gets_through(OTHER, listener)) == (False, True)
    finally:
        listener.close()


@pytest.mark.parametrize("place", range(MOST_SHUT_OUT))
def test_each_of_the_most_that_are_kept_out_is(listener: socket.socket, place: int) -> None:
    subject = ShuttingOut()
    subject.guard(listener)
    hosts = [f"127.4.0.{number}" for number in range(1, MOST_SHUT_OUT // 2 + 1)]
    hosts += [f"fe80::{number}%1" for number in range(MOST_SHUT_OUT // 2)]
    hosts.insert(place, ONE)
    told = [shut_out(subject, host) for host in hosts[: MOST_SHUT_OUT + 1]]
    assert told == [True] * MOST_SHUT_OUT + [False]
    assert (gets_through(ONE, listener), gets_through(OTHER, listener)) == (False, True)


def test_forged_addresses_without_end_take_a_bounded_memory(listener: socket.socket) -> None:
    subject = ShuttingOut()
    subject.guard(listener)
    for number in range(3 * _MEMORY_BOUND):
        assert not subject.note(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 0.0)
    assert len(subject._counts) == _MEMORY_BOUND


def test_what_a_server_before_this_one_kept_out_is_let_in(listener: socket.socket) -> None:
    before = ShuttingOut()
    before.guard(listener)
    shut_out(before, ONE)
    assert not gets_through(ONE, listener)
    ShuttingOut().guard(listener)
    assert gets_through(ONE, listener)


def test_who_stops_lets_everybody_in(listener: socket.socket) -> None:
    subject = ShuttingOut()
    subject.guard(listener)
    shut_out(subject, ONE)
    subject.give_up()
    assert gets_through(ONE, listener)


def test_a_program_of_the_most_hosts_is_short() -> None:
    hosts = [f"fd00::{number}" for number in range(MOST_SHUT_OUT)]
    assert len(filter_for(hosts)) // 8 < 256
