"""The engine on loopback, turned by hand: requests, transfers, ports."""

import socket
import time

import pytest

from ringfence.content.release import TargetKind
from ringfence.server.errors import ListenRefused, PortInUse
from ringfence.server.events import (
    RequestRefused,
    TransferFailed,
    TransferFinished,
)
from ringfence.server.files.catalogue import Catalogue, Offer
from ringfence.server.io import sockets
from ringfence.server.limits.settings import Limits, PortRange
from ringfence.tftp.frames import BLOCKS_IN_STRETCH
from support.engine_bench import ANY, MAC, NAME, NOT_FOUND, Bench, offer, rrq


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
    assert (event.peer_host, event.peer_port) == phone.getsockname()
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
    "name", ["../etc/passwd", "..\\..\\x", "a/../b", "%2e%2e/x", "x" * 400, "a\nFAKE", "\x1b[2J", "/", "."]
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
    for name in ("/big", "\\big", "./big", "//.//big"):
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
        assert time.monotonic() < began_at + 60.0
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


def test_stopping_tells_the_phones() -> None:
    other = Bench()
    phone = other.phone()
    other.say(phone, rrq())
    other.engine.close()
    answer = other.hear(phone)
    assert answer is not None
    assert answer[0].startswith(b"\0\5\0\0")
    other.close()


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
