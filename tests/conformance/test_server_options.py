"""RFC 2347, 2348, 2349 and 7440 on the running server."""

import os
import socket
import struct
from itertools import pairwise
from pathlib import Path

import pytest

from conformance.conftest import NAME
from conformance.transcripts import content_of, said, shown
from ringfence.content.release import TargetKind
from ringfence.server.events import RequestRefused, TransferFailed, TransferFinished
from ringfence.server.files.catalogue import Offer
from ringfence.server.limits.settings import Limits
from ringfence.server.tftp.client import fetch
from ringfence.tftp.options import RequestedOptions
from ringfence.tftp.uri import parse
from support.tftp_servers import (
    Heard,
    Phone,
    SupervisedWorker,
    ack,
    rrq,
)

SO_TIMESTAMPNS = 35
"""socket(7): the kernel's time of each datagram's arrival, as a struct timespec."""


def hear_window(phone: Phone, first: Heard, count: int) -> list[str]:
    """Return ``count`` datagrams in the transcript's notation, the first of which was heard already."""
    lines = [shown(first.data)]
    while len(lines) < count:
        one = phone.hear()
        assert one is not None, lines
        lines.append(shown(one.data))
    return lines


@pytest.mark.clause(38, 40, 46)
def test_the_oack_answers_what_was_asked_in_that_order(server: SupervisedWorker) -> None:
    for request, answer in (
        (rrq("f600", BlkSize=100, TSIZE=0), b"\0\6blksize\x00100\0tsize\x00600\0"),
        (rrq("f600", tsize=0, blksize=100), b"\0\6tsize\x00600\0blksize\x00100\0"),
    ):
        assert server.phone().ask(request).data == answer


@pytest.mark.clause(39, 41, 49, 54, 63)
@pytest.mark.parametrize(
    "options",
    [
        {"frobnicate": 1},
        {"blksize": 7},
        {"blksize": "-1"},
        {"timeout": 256},
        {"windowsize": 0},
        {"tsize": "x"},
        {"multicast": ""},
    ],
    ids=str,
)
def test_without_an_accepted_option_data_1_comes_at_once(
    server: SupervisedWorker, options: dict[str, str | int]
) -> None:
    assert shown(server.phone().ask(rrq("f600", **options)).data) == "DATA 1 512"


@pytest.mark.clause(42, 43, 55)
def test_ack_0_brings_data_1_and_a_doubled_one_brings_nothing(server: SupervisedWorker) -> None:
    phone = server.phone()
    oack = phone.ask(rrq("f600", blksize=300))
    assert shown(oack.data) == "OACK blksize=300"
    assert shown(phone.ask(ack(0), oack.address).data) == "DATA 1 300"
    for _ in range(3):
        assert server.hears_nothing(phone, ack(0), oack.address)
    assert shown(phone.ask(ack(1), oack.address).data) == "DATA 2 300"
    assert shown(phone.ask(ack(2), oack.address).data) == "DATA 3 0"
    phone.say(ack(3), oack.address)
    server.wait_for(lambda: server.told(TransferFinished, phone))


@pytest.mark.slow
@pytest.mark.clause(43, 50)
def test_an_oack_that_nobody_acknowledges_comes_three_times_in_all(server: SupervisedWorker) -> None:
    phone = server.phone()
    phone.say(rrq("f600", tsize=0))
    server.wait_for(lambda: server.told(TransferFailed, phone), 120)
    assert phone.hear_all() == [b"\0\6tsize\x00600\0"] * 3


@pytest.mark.clause(44)
def test_error_8_ends_it_in_silence(server: SupervisedWorker) -> None:
    phone = server.phone()
    oack = phone.ask(rrq("f600", tsize=0))
    assert server.hears_nothing(phone, said("ERROR 8"), oack.address)
    server.wait_for(lambda: server.told(TransferFailed, phone))


@pytest.mark.clause(45, 47)
@pytest.mark.parametrize("tail", [b"blksize\x00200\0", b"tsize\0", b"tsize", b"\0\0"], ids=repr)
def test_repeated_options_and_bad_tails_are_overlooked(server: SupervisedWorker, tail: bytes) -> None:
    assert shown(server.phone().ask(rrq("f600", blksize=100) + tail).data) == "OACK blksize=100"


@pytest.mark.clause(48)
@pytest.mark.parametrize("octets", [513, 600, 1500, 9000])
def test_a_request_of_more_than_512_octets_is_refused_and_never_served_in_part(
    server: SupervisedWorker, octets: int
) -> None:
    start = rrq(NAME)
    assert shown(server.phone().ask(start + b"x" * (octets - len(start) - 1) + b"\0").data) == "ERROR 4"
    longest = rrq("f600", x="y" * 496)
    assert len(longest) == 512
    assert shown(server.phone().ask(longest).data) == "DATA 1 512"


@pytest.mark.clause(51)
def test_with_options_off_every_request_is_a_plain_one() -> None:
    with SupervisedWorker({"f600": content_of(600)}, limits=Limits(options_enabled=False)) as plain:
        phone = plain.phone()
        first = phone.ask(rrq("f600", blksize=100, tsize=0, timeout=3, windowsize=4))
        assert shown(first.data) == "DATA 1 512"
        assert shown(phone.ask(ack(1), first.address).data) == "DATA 2 88"
        options = RequestedOptions(1428, transfer_size=True, timeout_s=2, window_size=8)
        assert fetch(plain.address, "f600", options=options) == content_of(600)


@pytest.mark.clause(52, 53, 57)
@pytest.mark.parametrize(("asked", "granted"), [(8, 8), (511, 511), (1428, 1428), (65_464, 65_464), (65_535, 65_464)])
def test_blocks_have_the_size_that_was_agreed(server: SupervisedWorker, asked: int, granted: int) -> None:
    phone = server.phone()
    oack = phone.ask(rrq("f100000", blksize=asked))
    assert shown(oack.data) == f"OACK blksize={granted}"
    first = phone.ask(ack(0), oack.address)
    assert first.data == b"\0\3\0\1" + content_of(100_000)[:granted]


@pytest.mark.clause(58, 59)
@pytest.mark.parametrize("size", [0, 1, 512, 100_000])
@pytest.mark.parametrize("asked", [0, 99])
def test_tsize_is_the_exact_size(server: SupervisedWorker, size: int, asked: int) -> None:
    assert shown(server.phone().ask(rrq(f"f{size}", tsize=asked)).data) == f"OACK tsize={size}"


@pytest.mark.clause(60)
def test_tsize_is_left_out_in_netascii(server: SupervisedWorker) -> None:
    assert shown(server.phone().ask(rrq("text", "netascii", tsize=0)).data) == "DATA 1 512"


@pytest.mark.clause(61)
def test_tsize_of_more_than_4_gib_is_told_in_full(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    path.touch()
    os.truncate(path, 5_000_000_000)  # of holes alone
    huge = Offer("huge", os.open(path, os.O_RDONLY), 5_000_000_000, TargetKind.FIRMWARE)
    with SupervisedWorker({"huge": huge}) as served:
        assert shown(served.phone().ask(rrq("huge", tsize=0)).data) == "OACK tsize=5000000000"


@pytest.mark.clause(76)
def test_the_longest_oack_fits_512_octets(server: SupervisedWorker) -> None:
    oack = server.phone().ask(rrq("f600", blksize="0" * 15 + "65464", tsize="9" * 20, timeout="060", windowsize=65_535))
    assert shown(oack.data) == "OACK blksize=65464 tsize=600 timeout=60 windowsize=1"
    assert len(oack.data) <= 512


@pytest.mark.clause(62)
def test_a_timeout_is_echoed_or_left_out(server: SupervisedWorker) -> None:
    assert shown(server.phone().ask(rrq("f600", timeout=9)).data) == "OACK timeout=9"
    assert shown(server.phone().ask(rrq("f600", timeout=200)).data) == "DATA 1 512"


@pytest.mark.slow
@pytest.mark.clause(64)
@pytest.mark.parametrize("seconds", [1, 3])
def test_the_agreed_timeout_is_the_time_between_repetitions(server: SupervisedWorker, seconds: int) -> None:
    phone = server.phone()
    phone.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    oack = phone.ask(rrq("f600", timeout=seconds))
    phone.say(ack(0), oack.address)
    came_at: list[float] = []
    for _ in range(3):
        again, [(_, _, stamp)], _, _ = phone.socket.recvmsg(1024, 64)
        assert shown(again) == "DATA 1 512"
        whole_s, more_ns = struct.unpack("@ll", stamp)
        came_at.append(whole_s + more_ns / 1e9)
    # The kernel says when each came: none comes early, and a machine in use delays them as it likes.
    assert min(later - sooner for sooner, later in pairwise(came_at)) >= seconds - 0.05
    phone.say(said("ERROR 0"), oack.address)


@pytest.mark.clause(65, 66, 68, 70, 74, 75)
def test_windows_go_out_whole_and_one_ack_brings_the_next(server: SupervisedWorker) -> None:
    phone = server.phone()
    oack = phone.ask(rrq("f2000", windowsize=3, tsize=0, timeout=5))
    assert shown(oack.data) == "OACK windowsize=3 tsize=2000 timeout=5"
    assert hear_window(phone, phone.ask(ack(0), oack.address), 3) == [f"DATA {number} 512" for number in (1, 2, 3)]
    assert phone.hear(0.05) is None
    assert shown(phone.ask(ack(3), oack.address).data) == "DATA 4 464"
    phone.say(ack(4), oack.address)
    server.wait_for(lambda: server.told(TransferFinished, phone))


@pytest.mark.clause(67, 72)
def test_an_ack_within_the_window_and_one_before_it(server: SupervisedWorker) -> None:
    phone = server.phone()
    oack = phone.ask(rrq("f100000", windowsize=4))
    hear_window(phone, phone.ask(ack(0), oack.address), 4)
    answer = hear_window(phone, phone.ask(ack(2), oack.address), 4)
    assert answer == [f"DATA {number} 512" for number in (3, 4, 5, 6)]
    assert hear_window(phone, phone.ask(ack(2), oack.address), 4) == answer
    for _ in range(4):
        assert server.hears_nothing(phone, ack(2), oack.address)


@pytest.mark.slow
@pytest.mark.clause(69)
def test_a_timeout_repeats_the_window(server: SupervisedWorker) -> None:
    phone = server.phone()
    oack = phone.ask(rrq("f100000", windowsize=4, timeout=1))
    window = hear_window(phone, phone.ask(ack(0), oack.address), 4)
    again = phone.hear()
    assert again is not None
    assert hear_window(phone, again, 4) == window


@pytest.mark.slow
@pytest.mark.clause(71)
@pytest.mark.parametrize("window_size", [7, 64])
def test_the_block_number_rolls_over_within_a_window(window_size: int) -> None:
    content = content_of(8 * 65_600)
    with SupervisedWorker({"long": content}) as served:
        options = RequestedOptions(block_size=8, window_size=window_size)
        assert fetch(served.address, "long", options=options) == content


@pytest.mark.clause(73)
@pytest.mark.parametrize(("block_size", "blocks"), [(8, 64), (512, 64), (1428, 45), (8192, 7), (65_464, 1)])
def test_one_ack_sets_free_at_most_64_blocks_and_64_kib(server: SupervisedWorker, block_size: int, blocks: int) -> None:
    phone = server.phone()
    oack = phone.ask(rrq("f100000", blksize=block_size, windowsize=65_535))
    assert shown(oack.data) == f"OACK blksize={block_size} windowsize={blocks}"
    assert server.hears_nothing(phone, b"\0", oack.address)  # nothing more before the address is proven
    phone.say(ack(0), oack.address)
    server.settle()
    heard = phone.hear_all()
    assert len(heard) == min(blocks, 100_000 // block_size + 1)
    assert sum(len(one) for one in heard) <= 64 * 1024


@pytest.mark.clause(77)
@pytest.mark.parametrize("mode", ["octet", "netascii"])
def test_a_uri_names_what_is_fetched(server: SupervisedWorker, mode: str) -> None:
    uri = parse(f"tftp://{server.address[0]}:{server.address[1]}/SEP001122334455%2Ecnf.xml;mode={mode}")
    assert fetch((uri.host, uri.port), uri.name, mode=uri.mode) == content_of(600)


@pytest.mark.clause(78)
def test_multicast_is_left_out(server: SupervisedWorker) -> None:
    assert shown(server.phone().ask(rrq("f600", multicast="", tsize=0)).data) == "OACK tsize=600"
    assert server.told(RequestRefused, server.phone()) == []
