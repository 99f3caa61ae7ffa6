"""Both relays on real sockets: what each must do, and that they do the same."""

import gc
import os
import select
import socket
import sys
import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.server.io.relay import PureRelay, Relay, make_relay
from ringfence.tftp.frames import BLOCKS_IN_STRETCH
from ringfence.tftp.options import Terms
from ringfence.tftp.packets import Data, ErrorPacket, from_bytes
from ringfence.tftp.sending import Sender

CONTENT = bytes(range(256)) * 100
BOTH = [pytest.param(False, id="python"), pytest.param(True, id="c", marks=pytest.mark.needs("compiler"))]


@dataclass
class Line:
    """A relay that carries one transfer, and its peer."""

    accelerated: bool
    length: int = 20_000
    terms: Terms = field(default_factory=Terms)

    def __post_init__(self) -> None:
        self.epoll = select.epoll()
        self.relay: Relay = make_relay(self.epoll, accelerated=self.accelerated)
        self.peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.peer.bind(("127.0.0.1", 0))
        self.own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.own.bind(("127.0.0.1", 0))
        self.own.connect(self.peer.getsockname())
        self.peer.connect(self.own.getsockname())
        self.peer.setblocking(False)
        self.sender = Sender(
            "peer", lambda at, size: CONTENT[at : at + size] or bytes(size), self.length, terms=self.terms, rollover=0
        )
        self.sender.begin(0.0)
        self.others: list[bytes] = []
        self.faults: list[OSError] = []
        self.relay.carry(self.own.fileno(), self.sender, self.on_datagram, self.on_fault)

    def on_datagram(self, data: bytes, now: float) -> None:
        assert now > 0
        self.others.append(data)
        flight = self.sender.advance(data, now)
        if flight is not None:
            self.own.send(flight)
        else:
            self.sender.receive_datagram(data, "peer", now)

    def on_fault(self, fault: OSError, now: float) -> None:
        assert now > 0
        self.faults.append(fault)

    def hears(self, data: bytes) -> list[bytes]:
        """Say ``data`` to the server; return what comes."""
        self.peer.send(data)
        assert self.relay.poll(1.0) == []
        heard = []
        try:
            while True:
                heard.append(self.peer.recv(65536))
        except BlockingIOError:
            return heard

    def state(self) -> dict[str, object]:
        """The sender's attributes that are no times of the clock, and no object of its own."""
        left_out = {"_sent_at", "_timer", "_timeout_s", "_take", "_frames", "_gap_heard_from"}
        return {name: getattr(self.sender, name) for name in Sender.__slots__ if name not in left_out}

    def close(self) -> None:
        self.relay.clear()
        self.epoll.close()
        self.own.close()
        self.peer.close()


@pytest.fixture(params=BOTH)
def line(request: pytest.FixtureRequest) -> Iterator[Line]:
    line = Line(request.param)
    yield line
    line.close()


def ack(number: int) -> bytes:
    return b"\0\4" + number.to_bytes(2, "big")


def test_an_awaited_ack_brings_the_next_block_and_python_sees_only_a_stretchs_last(line: Line) -> None:
    heard = [block for number in range(1, 40) for block in line.hears(ack(number))]
    assert heard == [
        b"\0\3" + number.to_bytes(2, "big") + CONTENT[(number - 1) * 512 : number * 512][: 20_000 - (number - 1) * 512]
        for number in range(2, 41)
    ]
    if line.accelerated:
        assert line.others == [ack(1), ack(BLOCKS_IN_STRETCH)]  # the first; and where blocks must be made
    else:
        assert line.others == []
    assert line.hears(ack(40)) == []
    assert line.others[-1] == ack(40)
    assert line.state()["state"].name == "OVER"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "datagram",
    [b"", b"\0", b"\0\4\0", b"\0\4\0\1\0", b"\0\4\0\3", b"\0\4\0\0", b"\0\4\1\0", b"\0\5\0\0stop\0", b"x" * 128],
)
def test_another_datagram_is_handed_on_as_it_came(line: Line, datagram: bytes) -> None:
    line.hears(ack(1))
    line.others.clear()
    assert line.hears(datagram) == []
    assert line.others == [datagram]


def test_a_longer_datagram_is_cut(line: Line) -> None:
    line.hears(b"y" * 1000)
    assert line.others == [b"y" * 128]


def test_the_first_awaited_ack_proves_the_peer(line: Line) -> None:
    assert not line.sender.is_proven
    line.hears(ack(1))
    assert line.sender.is_proven


def test_an_awaited_ack_puts_the_timer_off(line: Line) -> None:
    line.hears(ack(1))
    before = line.sender.wake_at
    line.hears(ack(2))
    assert before < line.sender.wake_at < before + 60


def test_a_closed_port_is_a_fault_that_is_told(line: Line) -> None:
    line.hears(ack(1))
    line.peer.close()
    os.write(line.own.fileno(), b"nobody reads this")
    assert line.relay.poll(1.0) == []
    assert [type(fault) for fault in line.faults] == [ConnectionRefusedError]
    assert line.faults[0].strerror


def test_a_spurious_wakeup_does_nothing(line: Line) -> None:
    line.peer.send(ack(7))
    assert line.own.recv(100) == ack(7)
    assert line.relay.poll(0.0) == []
    assert line.others == []
    assert line.faults == []


def test_other_descriptors_are_returned_with_their_events(line: Line) -> None:
    here, there = socket.socketpair()
    with here, there:
        line.epoll.register(here.fileno(), select.EPOLLIN)
        there.send(b"!")
        line.peer.send(ack(1))
        seen = line.relay.poll(1.0) or line.relay.poll(1.0)
        assert seen == [(here.fileno(), select.EPOLLIN)]
        assert line.peer.recv(600)[:4] == b"\0\3\0\2"


def test_a_poll_without_anything_ends_in_its_time(line: Line) -> None:
    assert [line.relay.poll(0.01) for _ in range(40)] == [[]] * 40


def test_what_was_given_up_is_left_alone(line: Line) -> None:
    line.relay.give_up(line.own.fileno())
    line.peer.send(ack(1))
    assert line.relay.poll(0.0) == []
    assert line.own.recv(10) == ack(1)
    with pytest.raises(KeyError):
        line.relay.give_up(line.own.fileno())


@pytest.mark.parametrize("fd", [-1, 1_000_000, 0])
def test_what_was_never_carried_cannot_be_given_up(line: Line, fd: int) -> None:
    with pytest.raises(KeyError):
        line.relay.give_up(fd)


def test_a_descriptor_is_carried_once(line: Line) -> None:
    with pytest.raises(ValueError, match="carried already"):
        line.relay.carry(line.own.fileno(), line.sender, line.on_datagram, line.on_fault)


def test_a_descriptor_that_is_none_cannot_be_carried(line: Line) -> None:
    gone = socket.socket()
    fd = gone.detach()
    os.close(fd)
    with pytest.raises(OSError, match="Bad file descriptor"):
        line.relay.carry(fd, line.sender, line.on_datagram, line.on_fault)
    with pytest.raises(KeyError):
        line.relay.give_up(fd)


@pytest.mark.parametrize("accelerated", BOTH)
def test_who_takes_a_datagram_may_give_its_descriptor_up(accelerated: bool) -> None:
    line = Line(accelerated)
    taken: list[bytes] = []

    def on_datagram(data: bytes, _now: float) -> None:
        taken.append(data)
        line.relay.give_up(line.own.fileno())
        line.own.close()
        gc.collect()

    line.relay.give_up(line.own.fileno())
    line.relay.carry(line.own.fileno(), line.sender, on_datagram, line.on_fault)
    del on_datagram
    line.peer.send(b"\0\5\0\0enough\0")
    assert line.relay.poll(1.0) == []
    assert taken == [b"\0\5\0\0enough\0"]
    line.close()


@pytest.mark.parametrize("accelerated", BOTH)
def test_an_exception_of_who_takes_a_datagram_comes_through(accelerated: bool) -> None:
    line = Line(accelerated)

    def on_datagram(_data: bytes, _now: float) -> None:
        raise LookupError("as it happens")

    line.relay.give_up(line.own.fileno())
    line.relay.carry(line.own.fileno(), line.sender, on_datagram, line.on_fault)
    line.peer.send(b"?")
    with pytest.raises(LookupError, match="as it happens"):
        line.relay.poll(1.0)
    line.close()


@pytest.mark.parametrize("accelerated", BOTH)
def test_large_blocks_go_too(accelerated: bool) -> None:
    line = Line(accelerated, terms=Terms(block_size=8192))
    heard = line.hears(ack(1)) + line.hears(ack(2))
    assert [len(one) for one in heard] == [8196, 4 + 20_000 - 2 * 8192]
    line.close()


Saying = st.one_of(
    st.just("awaited"),
    st.just("awaited"),
    st.sampled_from([b"", b"\0\4", b"\0\4\0\0", b"\0\4\xff\xff", b"\0\4\0\1\0", b"\0\3\0\1", b"\0\6tsize\0000\0"]),
    st.binary(max_size=6),
    st.integers(0, 65535).map(ack),
    st.just("timeout"),
    st.just("the one before"),
)


@pytest.mark.needs("compiler")
@settings(max_examples=150, deadline=None)
@given(sayings=st.lists(Saying, max_size=60), length=st.sampled_from([0, 5, 512, 20_000, 25_600]))
def test_both_do_the_same_with_whatever_comes(sayings: list[str | bytes], length: int) -> None:
    lines = [Line(accelerated, length) for accelerated in (False, True)]
    for saying in sayings:
        results: list[tuple[dict[str, object], list[bytes]]] = []
        for line in lines:
            number = line.sender.block
            if saying == "timeout":
                line.sender.handle_timeout(line.sender.wake_at)
                results.append((line.state(), []))
                continue
            data = saying if isinstance(saying, bytes) else ack((number - (saying != "awaited")) % 65536)
            results.append((line.state(), line.hears(data)))
        assert results[0] == results[1]
    assert lines[0].state() == lines[1].state()
    for line in lines:
        line.close()


@pytest.mark.slow
@pytest.mark.needs("compiler")
def test_a_hundred_thousand_acks_leave_nothing_in_memory() -> None:
    line = Line(accelerated=True, length=1 << 40, terms=Terms(block_size=8))

    def fire(first: int, count: int) -> None:
        for number in range(first, first + count):
            (block,) = line.hears(ack(number & 0xFFFF))
            assert isinstance(packet := from_bytes(block), Data | ErrorPacket)
            assert isinstance(packet, Data)
        line.others.clear()

    tracemalloc.start()
    try:
        fire(1, 3000)
        references = sys.getrefcount(line.sender), sys.getrefcount(None) // 1000
        before = tracemalloc.get_traced_memory()[0]
        fire(3001, 100_000)
        after = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert after - before < 20_000
    assert references == (sys.getrefcount(line.sender), sys.getrefcount(None) // 1000)
    line.close()


@pytest.mark.needs("compiler")
def test_a_relay_that_is_part_of_a_cycle_is_collected() -> None:
    gone: list[int] = []

    class Owner:
        """Holds the relay that holds its method, as an engine does."""

        def __init__(self, line: Line) -> None:
            self.relay = make_relay(line.epoll, accelerated=True)
            self.relay.carry(line.own.fileno(), line.sender, self.take, line.on_fault)

        def take(self, _data: bytes, _now: float) -> None:
            """Nothing comes."""

        def __del__(self) -> None:
            gone.append(1)

    line = Line(accelerated=True)
    line.relay.give_up(line.own.fileno())
    owner = Owner(line)
    del owner
    gc.collect()
    assert gone == [1]
    line.close()


class ScriptedEpoll:
    """Answers each wait as it is told; counts the looks that do not wait."""

    def __init__(self) -> None:
        self.looks = 0
        self.sleeps_s: list[float] = []

    def poll(self, timeout_s: float) -> list[tuple[int, int]]:
        if timeout_s == 0:
            self.looks += 1
            return []
        sleep_s = self.sleeps_s.pop(0)
        if sleep_s:
            time.sleep(sleep_s)
        return [(7, select.EPOLLIN)]


def test_it_looks_longer_again_as_soon_as_a_sleep_was_short() -> None:
    epoll = ScriptedEpoll()
    relay = PureRelay(epoll)  # type: ignore[arg-type]  # it only polls
    looks = []
    # What can be waited for without being noticed is shorter than a busy machine's pauses: hence several tries.
    for sleep_s in (0.002, 0.002, *[0.0] * 10, 0.002):
        epoll.sleeps_s = [sleep_s]
        before = epoll.looks
        assert relay.poll(1.0) == [(7, select.EPOLLIN)]
        looks.append(epoll.looks - before)
    assert looks[0] > 1
    assert looks[1:3] == [1, 1]
    assert max(looks[3:]) > 1
