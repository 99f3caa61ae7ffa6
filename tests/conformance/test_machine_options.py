"""RFC 2347, 2348 and 2349 on the machine, as transcripts: the request goes in as octets."""

import pytest

from conformance.transcripts import Talk, rrq
from ringfence.tftp.errors import MalformedRequest
from ringfence.tftp.options import ServerLimits
from ringfence.tftp.packets import from_bytes

IMPOSSIBLE = ("", "-1", "+8", " 8", "8 ", "0x200", "abc", "8.0", "1e3", "1" + "0" * 30, "٨٠", "\udcff")


@pytest.mark.clause(38)
def test_options_follow_the_mode_and_their_names_are_in_any_case() -> None:
    assert Talk(b"\0\1f\0octet\0BlkSize\x00100\0TSIZE\x000\0", 600).begin() == ["OACK blksize=100 tsize=600"]


@pytest.mark.clause(39, 41)
def test_without_an_accepted_option_the_first_answer_is_data_1() -> None:
    assert Talk(rrq(frobnicate="1", blksize="x"), 600).begin() == ["DATA 1 512"]
    assert Talk(rrq(frobnicate="1", tsize="0"), 600).begin() == ["OACK tsize=600"]


@pytest.mark.clause(40)
@pytest.mark.parametrize("asked", [{"blksize": "100"}, {"tsize": "0"}, {"timeout": "3"}, {"windowsize": "4"}])
def test_the_oack_holds_only_what_was_asked_for(asked: dict[str, str]) -> None:
    (oack,) = Talk(rrq(**asked), 600).begin()
    assert [pair.split("=")[0] for pair in oack.split()[1:]] == list(asked)


@pytest.mark.clause(42)
def test_the_oack_is_acknowledged_by_ack_0_and_then_comes_data_1() -> None:
    talk = Talk(rrq(blksize="100"), 250)
    assert talk.begin() == ["OACK blksize=100"]
    assert talk.hears("ACK 1") == []
    assert talk.hears("ACK 0") == ["DATA 1 100"]
    assert talk.hears("ACK 1") == ["DATA 2 100"]
    assert talk.hears("ACK 2") == ["DATA 3 50"]
    assert talk.hears("ACK 3") == ["finished"]


@pytest.mark.clause(43)
def test_a_lost_oack_comes_again_and_a_doubled_ack_0_brings_data_1_once() -> None:
    talk = Talk(rrq(tsize="0"), 2000)
    talk.begin()
    assert talk.times_out() == ["OACK tsize=2000"]
    assert talk.hears("ACK 0") == ["DATA 1 512"]
    assert [talk.hears("ACK 0") for _ in range(5)] == [[]] * 5
    assert talk.hears("ACK 1") == ["DATA 2 512"]


@pytest.mark.clause(44)
def test_error_8_to_the_oack_ends_it_in_silence() -> None:
    talk = Talk(rrq(tsize="0"), 2000)
    talk.begin()
    assert talk.hears("ERROR 8") == ["failed peer-error"]
    assert talk.times_out() == []


@pytest.mark.clause(45)
def test_the_first_of_a_repeated_option_counts() -> None:
    assert Talk(b"\0\1f\0octet\0blksize\x00100\0BLKSIZE\x00200\0", 600).begin() == ["OACK blksize=100"]
    assert Talk(b"\0\1f\0octet\0blksize\x00x\0blksize\x00200\0", 600).begin() == ["DATA 1 512"]


@pytest.mark.clause(46)
def test_the_order_of_the_options_changes_no_value() -> None:
    one = Talk(rrq(windowsize="64", blksize="8192", tsize="0", timeout="2"), 600).terms
    other = Talk(rrq(timeout="2", tsize="0", blksize="8192", windowsize="64"), 600).terms
    assert sorted(one.acknowledged) == sorted(other.acknowledged)
    assert (one.block_size, one.window_size, one.timeout_s) == (other.block_size, other.window_size, other.timeout_s)


@pytest.mark.clause(47)
@pytest.mark.parametrize("tail", [b"tsize\0", b"tsize", b"tsize\x000", b"\0", b"\0\0", b"\0x\0", b"\xff"], ids=repr)
def test_a_bad_tail_is_overlooked(tail: bytes) -> None:
    assert Talk(b"\0\1f\0octet\0blksize\x00100\0" + tail, 600).begin() == ["OACK blksize=100"]


@pytest.mark.clause(48)
def test_a_request_of_512_octets_is_taken_and_one_of_513_is_not() -> None:
    longest = rrq("a" * 503)
    assert len(longest) == 512
    assert Talk(longest, 1).begin() == ["DATA 1 1"]
    with pytest.raises(MalformedRequest):
        from_bytes(rrq("a" * 504))


@pytest.mark.clause(49, 63)
@pytest.mark.parametrize("value", IMPOSSIBLE)
@pytest.mark.parametrize("option", ["blksize", "tsize", "timeout", "windowsize"])
def test_an_impossible_value_leaves_the_option_out(option: str, value: str) -> None:
    assert Talk(rrq(**{option: value}), 600).begin() == ["DATA 1 512"]


@pytest.mark.clause(50)
def test_an_oack_that_nobody_acknowledges_is_repeated_twice() -> None:
    talk = Talk(rrq(tsize="0"), 600)
    talk.begin()
    assert [talk.times_out() for _ in range(3)] == [["OACK tsize=600"], ["OACK tsize=600"], ["failed no-answer"]]


@pytest.mark.clause(52, 53)
@pytest.mark.parametrize(
    ("asked", "granted"),
    [("8", 8), ("512", 512), ("1428", 1428), ("65464", 65464), ("65465", 65464), ("4000000000", 65464)],
)
def test_blksize_is_granted_as_asked_or_lowered(asked: str, granted: int) -> None:
    talk = Talk(rrq(blksize=asked), 70_000)
    assert talk.begin() == [f"OACK blksize={granted}"]
    assert talk.hears("ACK 0") == [f"DATA 1 {granted}"]


@pytest.mark.clause(54)
@pytest.mark.parametrize("asked", ["0", "1", "7"])
def test_a_blksize_below_8_is_left_out(asked: str) -> None:
    assert Talk(rrq(blksize=asked), 600).begin() == ["DATA 1 512"]


@pytest.mark.clause(55)
@pytest.mark.parametrize(("size", "last"), [(99, 99), (100, 0), (101, 1), (199, 99), (200, 0)])
def test_the_last_block_is_shorter_than_agreed(size: int, last: int) -> None:
    talk = Talk(rrq(blksize="100"), size)
    assert talk.run() == talk.content
    assert len(talk.content) % 100 == last


@pytest.mark.clause(56)
def test_blksize_can_be_capped_below_what_is_asked() -> None:
    talk = Talk(rrq(blksize="8192"), 5000, limits=ServerLimits(largest_block_size=1428))
    assert talk.begin() == ["OACK blksize=1428"]
    assert talk.hears("ACK 0") == ["DATA 1 1428"]


@pytest.mark.clause(57)
def test_the_largest_blocks_make_datagrams_of_65468_octets() -> None:
    talk = Talk(rrq(blksize="65464"), 150_000)
    assert talk.run() == talk.content
    talk = Talk(rrq(blksize="65464"), 150_000)
    talk.begin()
    talk.hears("ACK 0")
    assert len(talk.received[-1]) == 65_468


@pytest.mark.clause(58, 59)
@pytest.mark.parametrize("size", [0, 1, 511, 512, 70_000])
@pytest.mark.parametrize("asked", ["0", "77", "4294967296"])
def test_tsize_is_the_exact_number_of_octets(size: int, asked: str) -> None:
    assert Talk(rrq(tsize=asked), size).begin() == [f"OACK tsize={size}"]


@pytest.mark.clause(60)
def test_tsize_is_left_out_in_netascii() -> None:
    assert Talk(rrq("f", "netascii", tsize="0"), b"a\nb").begin() == ["DATA 1 4"]


class _Huge(bytes):
    def __len__(self) -> int:
        return 5_000_000_000


@pytest.mark.clause(61)
def test_tsize_of_more_than_4_gib_is_told_in_full() -> None:
    assert Talk(rrq(tsize="0"), _Huge(600)).begin() == ["OACK tsize=5000000000"]


@pytest.mark.clause(62)
def test_timeout_is_echoed_exactly_or_left_out() -> None:
    for seconds in range(256):
        answer = Talk(rrq(timeout=str(seconds)), 600).begin()
        assert answer == ([f"OACK timeout={seconds}"] if 1 <= seconds <= 60 else ["DATA 1 512"])


@pytest.mark.clause(63)
@pytest.mark.parametrize("asked", ["0", "256", "65536", "x"])
def test_an_impossible_timeout_is_left_out(asked: str) -> None:
    assert Talk(rrq(timeout=asked), 600).begin() == ["DATA 1 512"]


@pytest.mark.clause(64)
def test_the_agreed_timeout_is_used_each_time() -> None:
    talk = Talk(rrq(timeout="7"), 2000)
    talk.begin()
    assert talk.waits_s == 7
    talk.hears("ACK 0", after_s=0.01)
    for _ in range(4):
        assert talk.waits_s == pytest.approx(7)
        assert talk.times_out() == ["DATA 1 512"]


@pytest.mark.clause(75)
def test_all_options_together() -> None:
    talk = Talk(rrq(blksize="1428", tsize="0", timeout="3", windowsize="4"), 10_000)
    assert talk.begin() == ["OACK blksize=1428 tsize=10000 timeout=3 windowsize=4"]
    assert talk.waits_s == 3
    assert talk.hears("ACK 0") == [f"DATA {number} 1428" for number in (1, 2, 3, 4)]
    assert talk.hears("ACK 4") == ["DATA 5 1428", "DATA 6 1428", "DATA 7 1428", "DATA 8 4"]
    assert talk.hears("ACK 8") == ["finished"]


@pytest.mark.clause(76)
def test_the_longest_oack_fits_512_octets() -> None:
    options = {"blksize": "0" * 15 + "65464", "tsize": "9" * 20, "timeout": "060", "windowsize": "65535"}
    talk = Talk(rrq(**options), 600)
    assert talk.begin() == ["OACK blksize=65464 tsize=600 timeout=60 windowsize=1"]
    assert len(talk.received[0]) <= 512


@pytest.mark.clause(78)
def test_multicast_is_left_out_and_the_file_is_sent_as_ever() -> None:
    assert Talk(rrq(multicast=""), 600).begin() == ["DATA 1 512"]
    assert Talk(rrq(multicast="", tsize="0"), 600).begin() == ["OACK tsize=600"]
