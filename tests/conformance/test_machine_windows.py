"""RFC 7440 on the sending machine, as transcripts."""

import pytest

from conformance.transcripts import Talk, rrq


def window(first: int, last: int, octets: int = 512) -> list[str]:
    return [f"DATA {number} {octets}" for number in range(first, last + 1)]


def talk_in_windows(size: int = 100_000, *, windowsize: int = 4, **options: str) -> Talk:
    """A transfer whose options are settled; its first window is sent."""
    talk = Talk(rrq(windowsize=str(windowsize), **options), size)
    talk.begin()
    talk.hears("ACK 0", after_s=0.01)
    return talk


@pytest.mark.clause(65)
@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("1", "OACK windowsize=1"),
        ("16", "OACK windowsize=16"),
        ("65535", "OACK windowsize=64"),
        ("0", "DATA 1 512"),
        ("65536", "DATA 1 512"),
    ],
)
def test_a_window_is_granted_as_asked_or_lowered(asked: str, answer: str) -> None:
    assert Talk(rrq(windowsize=asked), 600).begin() == [answer]


@pytest.mark.clause(66)
def test_a_window_is_sent_and_then_nothing_before_an_ack() -> None:
    talk = Talk(rrq(windowsize="4"), 100_000)
    assert talk.begin() == ["OACK windowsize=4"]
    assert talk.hears("ACK 0") == window(1, 4)
    talk.machine.handle_timeout(talk.now + 0.1)
    assert len(talk.received) == 5


@pytest.mark.clause(67)
@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_ack_within_the_window_begins_the_next_one_after_it(number: int) -> None:
    talk = talk_in_windows()
    assert talk.hears(f"ACK {number}") == window(number + 1, number + 4)
    assert talk.received[-4] == talk.received[number + 1]  # the same octets as the first time
    assert talk.hears(f"ACK {number + 4}") == window(number + 5, number + 8)


@pytest.mark.clause(68)
def test_the_ack_of_the_windows_last_block_brings_the_next_window() -> None:
    talk = talk_in_windows()
    assert talk.hears("ACK 4") == window(5, 8)
    assert talk.hears("ACK 8") == window(9, 12)


@pytest.mark.clause(69)
def test_a_timeout_repeats_the_window_from_the_last_block_acknowledged() -> None:
    talk = talk_in_windows()
    talk.hears("ACK 4")
    assert talk.times_out() == window(5, 8)
    talk.hears("ACK 6")
    assert talk.times_out() == window(7, 10)


@pytest.mark.clause(70)
@pytest.mark.parametrize(
    ("size", "last"), [(512 * 5 + 7, ["DATA 5 512", "DATA 6 7"]), (512 * 5, ["DATA 5 512", "DATA 6 0"])]
)
def test_the_last_window_stops_at_the_end_of_the_file(size: int, last: list[str]) -> None:
    talk = talk_in_windows(size)
    assert talk.hears("ACK 4") == last
    assert talk.times_out() == last
    assert talk.hears("ACK 5") == last[1:]
    assert talk.hears("ACK 6") == ["finished"]


@pytest.mark.clause(71)
@pytest.mark.parametrize("rollover", [0, 1])
def test_the_block_number_rolls_over_within_a_window(rollover: int) -> None:
    talk = Talk(rrq(blksize="8", windowsize="10"), 8 * 65_600, rollover=rollover)
    talk.begin()
    assert talk.hears("ACK 0") == window(1, 10, 8)
    for number in range(10, 65_521, 10):
        talk.hears(f"ACK {number}")
    after = window(rollover, rollover + 4, 8)
    assert talk.hears("ACK 65530") == window(65_531, 65_535, 8) + after
    assert talk.hears("ACK 65533")[:2] == window(65_534, 65_535, 8)
    last = rollover + 7
    assert talk.hears(f"ACK {last}") == window(last + 1, last + 10, 8)


@pytest.mark.clause(72)
def test_duplicate_acks_repeat_a_window_at_most_once_a_timeout() -> None:
    talk = talk_in_windows()
    talk.hears("ACK 4")
    assert [talk.hears("ACK 4") for _ in range(5)] == [window(5, 8), [], [], [], []]
    assert talk.times_out() == window(5, 8)
    assert [talk.hears("ACK 4") for _ in range(3)] == [[], [], []]
    assert talk.hears("ACK 0") == []  # of a window long ago
    assert talk.hears("ACK 8") == window(9, 12)


@pytest.mark.clause(73)
@pytest.mark.parametrize("block_size", ["8", "512", "1428", "8192", "65464"])
def test_one_ack_sets_free_at_most_64_blocks_and_64_kib_and_nobody_gets_more_than_an_oack_unproven(
    block_size: str,
) -> None:
    talk = Talk(rrq(blksize=block_size, windowsize="65535"), 500_000)
    (oack,) = talk.begin()
    assert oack.startswith("OACK")
    assert [talk.times_out() for _ in range(2)] == [[oack], [oack]]
    talk = Talk(rrq(blksize=block_size, windowsize="65535"), 500_000)
    talk.begin()
    flight = talk.hears("ACK 0")
    assert 1 <= len(flight) <= 64
    assert sum(len(datagram) for datagram in talk.received[1:]) <= 64 * 1024


@pytest.mark.clause(74)
def test_without_blksize_the_blocks_have_512_octets() -> None:
    talk = talk_in_windows(512 * 4 + 3)
    assert talk.hears("ACK 4") == ["DATA 5 3"]
