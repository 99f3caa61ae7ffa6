"""What a source, a network, and all of them together may cost the engine."""

import socket
import time

import pytest

from ringfence.content.release import TargetKind
from ringfence.server.events import (
    RequestRefused,
    TransferFailed,
)
from ringfence.server.files.catalogue import Catalogue
from ringfence.server.limits.settings import Limits
from support.descriptors import open_descriptors
from support.engine_bench import NAME, Bench, offer, rrq


def test_one_source_has_a_bounded_number_of_transfers_and_others_are_served() -> None:
    bench = Bench(limits=Limits(sessions_per_source=3, sessions=10))
    try:
        answers = [bench.say(bench.phone("127.0.0.5"), rrq()) for _ in range(8)]
        assert [answer is not None for answer in answers] == [True] * 5 + [False] * 3
        assert bench.say(bench.phone("127.0.0.6"), rrq()) is not None
        refusals = [event for event in bench.events if isinstance(event, RequestRefused)]
        assert len(refusals) == 1
    finally:
        bench.close()


def test_one_source_that_answers_may_have_half_of_the_places_and_the_rest_is_shared() -> None:
    bench = Bench(limits=Limits(sessions_per_source=2, sessions=10))
    try:
        for number in range(7):
            phone = bench.phone("127.0.0.5")
            first = bench.say(phone, rrq("big"))
            assert (first is not None) == (number < 5)
            if first is not None:
                bench.say(phone, b"\0\4\0\1", first[1])
        answers = [bench.say(bench.phone("127.0.0.6"), rrq("big")) for _ in range(3)]
        assert [answer is not None for answer in answers] == [True, True, False]
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
        answers = [bench.say(bench.phone("127.0.0.5"), rrq("SEP001122334466.cnf.xml")) for _ in range(6)]
        assert [answer is not None for answer in answers] == [True] * 3 + [False] * 3
    finally:
        bench.close()


def test_a_building_behind_one_address_boots_as_fast_as_one_phone() -> None:
    """Hundreds of phones at one address ask for optional files that nobody has, then for one that they may have."""
    bench = Bench()
    try:
        phones = [bench.phone("127.0.0.5") for _ in range(200)]
        for name in ("CTLSEP001122334455.tlv", "ITLSEP001122334455.tlv", "ITLFile.tlv", "Germany/g3-tones.xml"):
            assert all(bench.say(phone, rrq(name)) is not None for phone in phones)
        for phone in phones:
            first = bench.say(phone, rrq("big"))
            assert first is not None
            assert bench.say(phone, b"\0\4\0\1", first[1]) is not None
        assert bench.engine.session_count == len(phones)
    finally:
        bench.close()


def test_hundreds_of_phones_behind_one_address_get_their_own_files_at_once_before_one_of_them_answers() -> None:
    macs = [f"0011223400{number:02X}" for number in range(256)] + [f"0011223401{number:02X}" for number in range(44)]
    bench = Bench()
    try:
        names = [f"SEP{mac}.cnf.xml" for mac in macs]
        offers = [offer(name, b"c" * 600, TargetKind.CONFIGURATION, mac) for name, mac in zip(names, macs, strict=True)]
        bench.admission.adopt(Catalogue(2, offers))
        assert all(bench.say(bench.phone("127.0.0.5"), rrq(name)) is not None for name in names)
        assert bench.engine.session_count == len(names)
    finally:
        bench.close()


def test_of_what_may_go_to_a_network_where_nobody_answers_one_source_gets_half_and_its_share() -> None:
    bench = Bench(limits=Limits(sessions_per_source=3, unproven_burst=21, unproven_per_s=0.001))
    try:
        answers = [bench.say(bench.phone("127.0.0.5"), rrq("big")) for _ in range(14)]
        assert [answer is not None for answer in answers] == [True] * 11 + [False] * 3
        assert bench.say(bench.phone("127.0.0.6"), rrq("big")) is not None
    finally:
        bench.close()


def test_who_asks_again_and_again_for_a_file_that_is_there_and_never_answers_is_left_lying() -> None:
    bench = Bench(limits=Limits(unproven_burst=4, unproven_per_s=0.001, request_burst=6, requests_per_s=0.001))
    try:
        for _ in range(20):
            bench.say(bench.phone("127.0.0.5"), rrq())
        judged = bench.admission.requests
        bench.say(bench.phone("127.0.0.5"), rrq())
        assert bench.admission.requests == judged < 20
    finally:
        bench.close()


def test_other_limits_hold_from_the_next_request_on() -> None:
    bench = Bench(limits=Limits(request_burst=3, requests_per_s=0.001))
    guess = rrq("SEP001122334466.cnf.xml")
    try:
        assert sum(bench.say(bench.phone("127.0.0.5"), guess) is not None for _ in range(5)) == 3
        bench.engine.set_limits(Limits(request_burst=5, requests_per_s=0.001))
        assert sum(bench.say(bench.phone("127.0.0.5"), guess) is not None for _ in range(5)) == 2
        bench.engine.set_limits(Limits(request_burst=1, requests_per_s=0.001))
        assert bench.say(bench.phone("127.0.0.5"), guess) is None
        assert bench.say(bench.phone("127.0.0.6"), guess) is not None
        assert bench.say(bench.phone("127.0.0.6"), guess) is None
    finally:
        bench.close()


def test_what_is_spare_is_used_up_by_who_floods_and_others_keep_their_share() -> None:
    bench = Bench(limits=Limits(spare_burst=2, spare_per_s=0.001, request_burst=3, requests_per_s=0.001))
    try:
        answers = [bench.say(bench.phone("127.0.0.5"), rrq("nothing")) for _ in range(8)]
        assert [answer is not None for answer in answers] == [True] * 5 + [False] * 3
        assert bench.say(bench.phone("127.0.0.6"), rrq("nothing")) is not None
    finally:
        bench.close()


def test_files_of_no_phone_buy_no_further_guess() -> None:
    bench = Bench(limits=Limits(request_burst=2, requests_per_s=0.001))
    try:
        for _ in range(5):
            phone = bench.phone("127.0.0.5")
            first = bench.say(phone, rrq("big"))
            assert first is not None
            bench.say(phone, b"\0\4\0\1", first[1])
            bench.say(phone, b"\0\5\0\0enough\0", first[1])
        guesses = [bench.say(bench.phone("127.0.0.5"), rrq(f"SEP00112233{n:04X}.cnf.xml")) for n in range(4)]
        assert [answer is not None for answer in guesses] == [True] * 2 + [False] * 2
    finally:
        bench.close()


@pytest.mark.slow
def test_a_transfer_that_takes_longer_than_its_size_allows_is_ended() -> None:
    bench = Bench(limits=Limits(grace_s=0.0, slowest_bytes_per_s=20_000))
    try:
        phone = bench.phone()
        first = bench.say(phone, rrq("big"))
        assert first is not None
        block, until = 0, time.monotonic() + 60.0
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
    before = open_descriptors()
    run(300)
    assert not open_descriptors() - before
    assert bench.engine.session_count == 0
