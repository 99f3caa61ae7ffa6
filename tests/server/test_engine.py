"""The engine on loopback, turned by hand."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ringfence.content.release import TargetKind
from ringfence.server.access.admission import Admission
from ringfence.server.errors import ListenRefused, PortInUse
from ringfence.server.events import (
    RequestRefused,
    TransferFailed,
    TransferFinished,
    WorkerEvent,
)
from ringfence.server.files.catalogue import NOTHING_OFFERED, Catalogue, Offer
from ringfence.server.io import sockets
from ringfence.server.io.loop import Loop
from ringfence.server.limits.settings import Limits, PortRange
from ringfence.server.tftp.engine import Engine
from ringfence.tftp.frames import BLOCKS_IN_STRETCH

MAC = "001122334455"
NAME = f"SEP{MAC}.cnf.xml"
ANY = "0.0.0.0"  # noqa: S104 - the address that was asked is what these tests are about
NOT_FOUND = b"\0\5\0\1File not found\0"


def offer(name: str, data: bytes, kind: TargetKind = TargetKind.SHARED, owner: str | None = None) -> Offer:
    fd = os.memfd_create("offer")
    os.write(fd, data)
    return Offer(name, fd, len(data), kind, owner)


class Bench:
    """An engine with its listener, and phones that say one thing at a time."""

    def __init__(
        self,
        host: str = "127.0.0.1",
        limits: Limits | None = None,
        ports: PortRange | None = None,
        *,
        single_port: bool = False,
        segmentation: bool | None = None,
        accelerated: bool | None = None,
    ) -> None:
        self.events: list[WorkerEvent] = []
        self.listener = sockets.listen(host, 0)
        self.address = self.listener.getsockname()
        self.loop = Loop(accelerated=accelerated)
        self.admission = Admission(self.loop, site="Home", on_event=self.events.append, limits=limits or Limits())
        self.engine = Engine(
            self.loop,
            self.admission,
            limits=limits or Limits(),
            ports=ports,
            single_port=single_port,
            segmentation=segmentation,
        )
        self.admission.adopt(
            Catalogue(1, [offer(NAME, b"c" * 600, TargetKind.CONFIGURATION, MAC), offer("big", b"b" * 5000)])
        )
        self.engine.listen(self.listener)
        self.phones: list[socket.socket] = []

    def phone(self, host: str | None = None) -> socket.socket:
        phone = socket.socket(self.listener.family, socket.SOCK_DGRAM)
        if host is not None:
            phone.bind((host, 0))
        phone.settimeout(0.2)
        self.phones.append(phone)
        return phone

    def say(self, phone: socket.socket, data: bytes, to: object = None) -> tuple[bytes, tuple[str, int]] | None:
        phone.sendto(data, to or self.address)  # type: ignore[arg-type]  # an address as the socket gave it
        self.turn()
        return self.hear(phone)

    def hear(self, phone: socket.socket) -> tuple[bytes, tuple[str, int]] | None:
        phone.setblocking(False)
        try:
            return phone.recvfrom(65536)
        except BlockingIOError:
            return None

    def turn(self, times: int = 2) -> None:
        for _ in range(times):
            self.loop.turn(0.0)

    def turn_until(self, condition: Callable[[], object], timeout_s: float = 5.0) -> None:
        until = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < until
            self.loop.turn(0.05)

    def close(self) -> None:
        self.engine.close()
        self.admission.adopt(NOTHING_OFFERED)
        self.loop.close()
        self.listener.close()
        for phone in self.phones:
            phone.close()


@pytest.fixture(
    params=[pytest.param(False, id="python"), pytest.param(True, id="c", marks=pytest.mark.needs("compiler"))]
)
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    bench = Bench(accelerated=request.param)
    yield bench
    bench.close()


def rrq(name: str = NAME, mode: str = "octet", options: bytes = b"") -> bytes:
    return b"\0\1" + name.encode() + b"\0" + mode.encode() + b"\0" + options


def test_a_phone_fetches_its_file_and_that_is_told(bench: Bench) -> None:
    phone = bench.phone()
    answer = bench.say(phone, rrq())
    assert answer is not None
    assert answer[0] == b"\0\3\0\1" + b"c" * 512
    assert answer[1][1] != bench.address[1]  # RFC 1350 section 4: a fresh port
    second = bench.say(phone, b"\0\4\0\1", answer[1])
    assert second is not None
    assert second[0] == b"\0\3\0\2" + b"c" * 88
    bench.say(phone, b"\0\4\0\2", answer[1])
    (event,) = bench.events
    assert isinstance(event, TransferFinished)
    assert (event.name, event.owner, event.size_bytes, event.release) == (NAME, MAC, 600, 1)
    assert (event.peer_host, event.peer_port) == ("127.0.0.1", phone.getsockname()[1])
    assert bench.engine.session_count == 0


def test_options_are_acknowledged(bench: Bench) -> None:
    answer = bench.say(bench.phone(), rrq(options=b"blksize\x001428\0tsize\x000\0windowsize\x004\0"))
    assert answer is not None
    assert answer[0] == b"\0\6blksize\x001428\0tsize\x00600\0windowsize\x004\0"


def test_an_unknown_file_is_refused_from_a_fresh_port_with_the_guards_sentence(bench: Bench) -> None:
    answer = bench.say(bench.phone(), rrq("SEPAABBCCDDEEF0.cnf.xml"))
    assert answer is not None
    assert answer[0] == NOT_FOUND
    assert answer[1][1] != bench.address[1]
    (event,) = bench.events
    assert isinstance(event, RequestRefused)
    assert "no phone of site Home has that MAC address" in event.reason


@pytest.mark.parametrize(
    "name", ["../etc/passwd", "..\\..\\x", "a/../b", "a//b", "%2e%2e/x", "x" * 400, "a\nFAKE", "\x1b[2J", "/", "."]
)
def test_every_bad_name_gets_the_same_answer_as_a_missing_file(bench: Bench, name: str) -> None:
    answer = bench.say(bench.phone(), rrq(name))
    assert answer is not None
    assert answer[0] == NOT_FOUND
    (event,) = bench.events
    assert isinstance(event, RequestRefused)
    assert event.name.isprintable()
    assert event.reason.isprintable()


def test_leading_separators_are_overlooked_as_phones_write_them(bench: Bench) -> None:
    for name in ("/big", "\\big"):
        answer = bench.say(bench.phone(), rrq(name))
        assert answer is not None
        assert answer[0].startswith(b"\0\3\0\1")


def test_writing_is_refused_with_error_2(bench: Bench) -> None:
    answer = bench.say(bench.phone(), b"\0\2" + rrq()[2:])
    assert answer is not None
    assert answer[0] == b"\0\5\0\2Access violation\0"
    assert isinstance(bench.events[0], RequestRefused)


@pytest.mark.parametrize("data", [rrq(mode="mail"), rrq(mode="x"), b"\0\1", b"\0\1a", b"\0\1a\0", b"\0\1" + b"a" * 600])
def test_broken_requests_get_error_4(bench: Bench, data: bytes) -> None:
    answer = bench.say(bench.phone(), data)
    assert answer is not None
    assert answer[0] == b"\0\5\0\4Illegal TFTP operation\0"


@pytest.mark.parametrize(
    "data",
    [b"", b"\0", b"\0\0", b"\0\3\0\1data", b"\0\4\0\0", b"\0\5\0\0bye\0", b"\0\6a\0b\0", b"\0\7x", b"\xff" * 1500],
)
def test_what_is_no_request_gets_no_answer_and_leaves_nothing(bench: Bench, data: bytes) -> None:
    assert bench.say(bench.phone(), data) is None
    assert (bench.engine.session_count, bench.events) == (0, [])


def test_the_same_request_again_makes_no_second_transfer(bench: Bench) -> None:
    phone = bench.phone()
    first = bench.say(phone, rrq())
    assert first is not None
    for _ in range(3):
        assert bench.say(phone, rrq()) is None
    assert bench.engine.session_count == 1
    assert bench.say(phone, b"\0\4\0\1", first[1]) is not None


def test_a_stranger_cannot_disturb_a_transfer(bench: Bench) -> None:
    phone, stranger = bench.phone(), bench.phone("127.0.0.66")
    first = bench.say(phone, rrq())
    assert first is not None
    for data in (b"\0\4\0\1", b"\0\5\0\0bye\0"):
        assert bench.say(stranger, data, first[1]) is None
    second = bench.say(phone, b"\0\4\0\1", first[1])
    assert second is not None
    assert second[0].startswith(b"\0\3\0\2")


def test_the_answer_leaves_from_the_address_that_was_asked() -> None:
    bench = Bench(ANY)
    try:
        for host in ("127.0.0.1", "127.0.0.2"):
            for name in (NAME, "nothing"):
                answer = bench.say(bench.phone(), rrq(name), (host, bench.address[1]))
                assert answer is not None
                assert answer[1][0] == host
    finally:
        bench.close()


def test_ipv6_is_served_too() -> None:
    try:
        bench = Bench("::1")
    except ListenRefused:
        pytest.skip("no IPv6 on this machine")
    try:
        answer = bench.say(bench.phone(), rrq())
        assert answer is not None
        assert answer[0].startswith(b"\0\3\0\1")
        assert answer[1][0] == "::1"
    finally:
        bench.close()


def test_a_transfer_in_flight_finishes_on_its_old_bytes_and_the_next_request_sees_the_new(bench: Bench) -> None:
    phone = bench.phone()
    first = bench.say(phone, rrq())
    assert first is not None
    bench.admission.adopt(Catalogue(2, [offer(NAME, b"NEW", TargetKind.CONFIGURATION, MAC)]))
    second = bench.say(phone, b"\0\4\0\1", first[1])
    assert second is not None
    assert second[0] == b"\0\3\0\2" + b"c" * 88
    bench.say(phone, b"\0\4\0\2", first[1])
    anew = bench.say(phone, rrq())
    assert anew is not None
    assert anew[0] == b"\0\3\0\1NEW"
    gone = bench.say(bench.phone(), rrq("big"))
    assert gone is not None
    assert gone[0] == NOT_FOUND


def test_one_source_has_a_bounded_number_of_transfers_and_others_are_served() -> None:
    bench = Bench(limits=Limits(sessions_per_source=3, sessions=10))
    try:
        answers = [bench.say(bench.phone("127.0.0.5"), rrq()) for _ in range(8)]
        assert [answer is not None for answer in answers] == [True] * 3 + [False] * 5
        assert bench.say(bench.phone("127.0.0.6"), rrq()) is not None
        refusals = [event for event in bench.events if isinstance(event, RequestRefused)]
        assert len(refusals) == 1
    finally:
        bench.close()


def test_when_all_places_are_taken_the_oldest_that_never_answered_gives_way() -> None:
    bench = Bench(limits=Limits(sessions_per_source=3, sessions=3))
    try:
        proven = bench.phone("127.0.0.5")
        first = bench.say(proven, rrq("big"))
        assert first is not None
        bench.say(proven, b"\0\4\0\1", first[1])
        for index in range(10):
            assert bench.say(bench.phone(f"127.0.1.{index + 1}"), rrq("big")) is not None
        assert bench.engine.session_count == 3
        third = bench.say(proven, b"\0\4\0\2", first[1])
        assert third is not None
        assert third[0].startswith(b"\0\3\0\3")
    finally:
        bench.close()


def test_when_all_places_are_taken_by_phones_that_answer_a_new_one_waits() -> None:
    bench = Bench(limits=Limits(sessions_per_source=3, sessions=1))
    try:
        proven = bench.phone("127.0.0.5")
        first = bench.say(proven, rrq("big"))
        assert first is not None
        bench.say(proven, b"\0\4\0\1", first[1])
        assert bench.say(bench.phone("127.0.0.6"), rrq()) is None
    finally:
        bench.close()


def test_rfc_1350_7_an_error_of_the_phone_ends_the_transfer(bench: Bench) -> None:
    phone = bench.phone()
    first = bench.say(phone, rrq())
    assert first is not None
    assert bench.say(phone, b"\0\5\0\3Disk\nfull\0", first[1]) is None
    (event,) = bench.events
    assert isinstance(event, TransferFailed)
    assert "Disk\\x0afull" in event.reason
    assert bench.engine.session_count == 0


@pytest.mark.slow
def test_a_phone_that_closed_its_port_is_given_up_upon_the_second_unreachable(bench: Bench) -> None:
    phone = bench.phone()
    bench.say(phone, rrq())
    phone.close()
    bench.turn_until(lambda: bench.events)
    assert isinstance(bench.events[0], TransferFailed)
    assert "closed its port" in bench.events[0].reason


@pytest.mark.slow
def test_a_phone_that_never_answers_gets_one_block_three_times(bench: Bench) -> None:
    phone = bench.phone()
    phone.sendto(rrq(), bench.address)
    bench.turn_until(lambda: bench.events, 12.0)
    assert isinstance(bench.events[0], TransferFailed)
    heard = [bench.hear(phone) for _ in range(5)]
    assert [one is not None for one in heard] == [True] * 3 + [False] * 2


@pytest.mark.slow
def test_a_lost_ack_is_mended_by_the_timer(bench: Bench) -> None:
    phone = bench.phone()
    first = bench.say(phone, rrq())
    assert first is not None
    bench.say(phone, b"\0\4\0\1", first[1])
    began_at = time.monotonic()
    again = None
    while again is None:
        assert time.monotonic() < began_at + 2.0
        bench.loop.turn(0.05)
        again = bench.hear(phone)
    assert again[0] == b"\0\3\0\2" + b"c" * 88


def test_a_file_that_became_shorter_ends_with_error_0(bench: Bench) -> None:
    short = offer("short", b"s" * (BLOCKS_IN_STRETCH * 512 + 1000))
    bench.admission.adopt(Catalogue(2, [Offer("short", short.fd, 100_000, TargetKind.SHARED)]))
    phone = bench.phone()
    answer = bench.say(phone, rrq("short"))
    for block in range(1, BLOCKS_IN_STRETCH + 1):
        assert answer is not None
        assert answer[0].startswith(b"\0\3")
        answer = bench.say(phone, b"\0\4" + block.to_bytes(2, "big"), answer[1])
    assert answer is not None
    assert answer[0].startswith(b"\0\5\0\0")
    assert isinstance(bench.events[0], TransferFailed)


def fetch_by_hand(bench: Bench, options: bytes) -> bytes:
    """Fetch ``big`` in windows of four blocks of 100 octets, and count that no block comes twice."""
    phone = bench.phone()
    granted = bench.say(phone, rrq("big", options=options))
    assert granted is not None
    got, block, answer = b"", 0, bench.say(phone, b"\0\4\0\0", granted[1])
    while answer is not None:
        assert answer[0][:4] == b"\0\3" + (block + 1).to_bytes(2, "big")
        got, block = got + answer[0][4:], block + 1
        is_last = len(answer[0]) < 104
        answer = bench.hear(phone)
        if is_last or answer is None:
            answer = bench.say(phone, b"\0\4" + block.to_bytes(2, "big"), granted[1])
    return got


@pytest.mark.parametrize("single_port", [False, True])
@pytest.mark.parametrize("segmentation", [False, None])
def test_windows_bring_the_same_bytes_whoever_cuts_the_datagrams(single_port: bool, segmentation: bool | None) -> None:
    bench = Bench(single_port=single_port, segmentation=segmentation)
    try:
        assert fetch_by_hand(bench, b"blksize\x00100\0windowsize\x004\0") == b"b" * 5000
        assert isinstance(bench.events[0], TransferFinished)
    finally:
        bench.close()


def test_in_single_port_mode_everything_comes_from_the_request_port() -> None:
    bench = Bench(ANY, single_port=True)
    try:
        for host in ("127.0.0.1", "127.0.0.2"):
            asked = (host, bench.address[1])
            phone = bench.phone()
            answer = bench.say(phone, rrq(), asked)
            assert answer == (b"\0\3\0\1" + b"c" * 512, asked)
            assert bench.say(phone, b"\0\4\0\1", asked) == (b"\0\3\0\2" + b"c" * 88, asked)
            assert bench.say(bench.phone(), b"\0\4\0\2", asked) is None  # a stranger
            assert bench.engine.session_count == 1
            bench.say(phone, b"\0\4\0\2", asked)
            assert bench.engine.session_count == 0
            assert bench.say(bench.phone(), rrq("nothing"), asked) == (NOT_FOUND, asked)
    finally:
        bench.close()


def test_transfers_get_their_ports_from_the_range_and_wait_when_it_is_used_up() -> None:
    bench = Bench(ports=PortRange(20210, 20212))
    try:
        answers = [bench.say(bench.phone(), rrq()) for _ in range(4)]
        assert sorted(answer[1][1] for answer in answers if answer) == [20210, 20211, 20212]
        (refused,) = bench.events
        assert isinstance(refused, RequestRefused)
        assert "every port from 20210 to 20212 is in use" in refused.reason
    finally:
        bench.close()


def test_options_can_be_turned_off() -> None:
    bench = Bench(limits=Limits(options_enabled=False))
    try:
        answer = bench.say(bench.phone(), rrq(options=b"blksize\x001428\0tsize\x000\0"))
        assert answer is not None
        assert answer[0] == b"\0\3\0\1" + b"c" * 512
    finally:
        bench.close()


def test_who_guesses_names_is_told_no_for_a_while_and_then_nothing() -> None:
    bench = Bench(limits=Limits(refusal_burst=5, refusals_per_s=0.001))
    try:
        answers = [bench.say(bench.phone("127.0.0.5"), rrq(f"SEP00112233{n:04X}.cnf.xml")) for n in range(8)]
        assert [answer is not None for answer in answers] == [True] * 5 + [False] * 3
        assert bench.say(bench.phone("127.0.0.6"), rrq("nothing")) is not None
        assert bench.say(bench.phone("127.0.0.5"), rrq()) is not None  # what it may have, it still gets
    finally:
        bench.close()


def test_a_network_where_nobody_answers_gets_a_bounded_number_of_datagrams() -> None:
    bench = Bench(limits=Limits(unproven_burst=5, unproven_per_s=0.001))
    try:
        answers = [bench.say(bench.phone(f"127.0.5.{n + 1}"), rrq()) for n in range(8)]
        assert [answer is not None for answer in answers] == [True] * 5 + [False] * 3
        assert bench.say(bench.phone("127.0.6.1"), rrq()) is not None
    finally:
        bench.close()


def test_a_phone_that_answers_gives_its_network_the_budget_back() -> None:
    bench = Bench(limits=Limits(unproven_burst=2, unproven_per_s=0.001, request_burst=2, requests_per_s=0.001))
    try:
        phone = bench.phone()
        for _ in range(20):
            first = bench.say(phone, rrq())
            assert first is not None
            bench.say(phone, b"\0\4\0\1", first[1])
            bench.say(phone, b"\0\4\0\2", first[1])
    finally:
        bench.close()


def test_requests_of_one_source_beyond_its_budget_are_left_lying() -> None:
    bench = Bench(limits=Limits(request_burst=3, requests_per_s=0.001))
    try:
        answers = [bench.say(bench.phone("127.0.0.5"), rrq("nothing")) for _ in range(6)]
        assert [answer is not None for answer in answers] == [True] * 3 + [False] * 3
    finally:
        bench.close()


@pytest.mark.slow
def test_a_transfer_that_takes_longer_than_its_size_allows_is_ended() -> None:
    bench = Bench(limits=Limits(grace_s=0.0, slowest_bytes_per_s=20_000))
    try:
        phone = bench.phone()
        first = bench.say(phone, rrq("big"))
        assert first is not None
        block, until = 0, time.monotonic() + 3.0
        while not bench.events:
            assert time.monotonic() < until
            block = min(block + 1, 8)
            phone.sendto(b"\0\4" + block.to_bytes(2, "big"), first[1])
            bench.loop.turn(0.05)
        assert isinstance(bench.events[0], TransferFailed)
        assert "longer than a transfer of its size is allowed to" in bench.events[0].reason
        phone.setblocking(False)
        last = b""
        while (heard := bench.hear(phone)) is not None:
            last = heard[0]
        assert last == b"\0\5\0\0The transfer takes too long\0"
    finally:
        bench.close()


def test_stopping_tells_the_phones() -> None:
    other = Bench()
    phone = other.phone()
    other.say(phone, rrq())
    other.engine.close()
    answer = other.hear(phone)
    assert answer is not None
    assert answer[0].startswith(b"\0\5\0\0")
    other.close()


def test_descriptors_are_back_at_their_level_after_hundreds_of_transfers(bench: Bench) -> None:
    def run(times: int) -> None:
        for index in range(times):
            phone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            phone.bind((f"127.0.{index % 200}.1", 0))  # one source alone would use up what it may be refused
            first = bench.say(phone, rrq(NAME if index % 3 else "nothing"))
            assert first is not None
            if index % 3:
                bench.say(phone, b"\0\4\0\1", first[1])
                bench.say(phone, b"\0\4\0\2", first[1])
            phone.close()

    run(3)
    before = len(list(Path("/proc/self/fd").iterdir()))
    run(300)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert bench.engine.session_count == 0


def test_broadcasts_get_no_answer() -> None:
    bench = Bench(ANY)
    try:
        phone = bench.phone()
        phone.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        try:
            phone.sendto(rrq(), ("127.255.255.255", bench.address[1]))
        except OSError:
            pytest.skip("this machine's loopback has no broadcast address")
        bench.turn()
        assert bench.hear(phone) is None
        assert bench.engine.session_count == 0
    finally:
        bench.close()


def test_a_port_in_use_is_told_with_address_port_and_what_to_do(bench: Bench) -> None:
    port = bench.address[1]
    with pytest.raises(PortInUse) as caught:
        sockets.listen("127.0.0.1", port)
    assert f"port {port} of 127.0.0.1 is in use" in str(caught.value)
    assert f"sport = :{port}" in str(caught.value)


@pytest.mark.parametrize("host", ["192.0.2.1", "not-an-address"])
def test_an_address_that_is_not_ours_is_refused(host: str) -> None:
    with pytest.raises(ListenRefused):
        sockets.listen(host, 0)
