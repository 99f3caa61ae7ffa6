"""RFC 1350 and RFC 1123 on the sending machine, as transcripts."""

import pytest

from conformance.transcripts import OTHER_HOST, OTHER_PORT, Talk, content_of, rrq
from ringfence.tftp.errors import MalformedPacket, MalformedRequest, ReadFailed
from ringfence.tftp.packets import (
    ErrorPacket,
    ReadRequest,
    from_bytes,
    to_bytes,
)


@pytest.mark.clause(1)
def test_a_request_is_opcode_1_name_and_mode_in_any_case() -> None:
    assert from_bytes(b"\0\1SEP.xml\0OcTeT\0") == ReadRequest("SEP.xml", "octet")
    assert rrq("SEP.xml") == b"\0\1SEP.xml\0octet\0"


@pytest.mark.clause(3, 4)
def test_blocks_of_512_octets_from_1_on_until_a_shorter_one() -> None:
    talk = Talk(rrq(), 1100)
    assert talk.begin() == ["DATA 1 512"]
    assert talk.hears("ACK 1") == ["DATA 2 512"]
    assert talk.hears("ACK 2") == ["DATA 3 76"]
    assert talk.hears("ACK 3") == ["finished"]
    assert b"".join(datagram[4:] for datagram in talk.received) == talk.content


@pytest.mark.clause(5)
def test_an_empty_file_is_one_empty_block_that_must_be_acknowledged() -> None:
    talk = Talk(rrq(), 0)
    assert talk.begin() == ["DATA 1 0"]
    assert not talk.is_over
    assert talk.times_out() == ["DATA 1 0"]
    assert talk.hears("ACK 1") == ["finished"]


@pytest.mark.clause(6)
def test_a_multiple_of_512_is_closed_by_an_empty_block() -> None:
    talk = Talk(rrq(), 1024)
    assert talk.begin() == ["DATA 1 512"]
    assert talk.hears("ACK 1") == ["DATA 2 512"]
    assert talk.hears("ACK 2") == ["DATA 3 0"]
    assert talk.hears("ACK 3") == ["finished"]


@pytest.mark.clause(7)
def test_the_last_block_is_repeated_until_its_ack_or_until_tries_run_out() -> None:
    for acknowledged in (True, False):
        talk = Talk(rrq(), 600)
        talk.begin()
        talk.hears("ACK 1")
        if acknowledged:
            assert talk.times_out() == ["DATA 2 88"]
            assert talk.hears("ACK 2") == ["finished"]
        else:
            assert [talk.times_out() for _ in range(6)] == [["DATA 2 88"]] * 5 + [["failed went-silent"]]


@pytest.mark.clause(8)
def test_a_lost_ack_brings_the_same_block_again() -> None:
    talk = Talk(rrq(), 2000)
    talk.begin()
    assert talk.hears("ACK 1") == ["DATA 2 512"]
    assert talk.times_out() == ["DATA 2 512"]
    assert talk.received[-1] == talk.received[-2]


@pytest.mark.clause(9)
def test_an_ack_from_the_future_moves_nothing() -> None:
    talk = Talk(rrq(), 5000)
    talk.begin()
    talk.hears("ACK 1")
    for number in (3, 4, 9, 65535):
        assert talk.hears(f"ACK {number}") == []
    assert talk.hears("ACK 2") == ["DATA 3 512"]


@pytest.mark.clause(10)
def test_every_ack_six_times_brings_every_block_once() -> None:
    talk = Talk(rrq(), 5000)
    lines = talk.begin()
    for number in range(1, 10):
        for _ in range(6):
            lines += talk.hears(f"ACK {number}")
    assert lines == [f"DATA {number} 512" for number in range(1, 10)] + ["DATA 10 392"]


@pytest.mark.clause(11)
def test_timeouts_follow_the_round_trips_and_double_and_are_jittered() -> None:
    waits: dict[float, list[float]] = {}
    for jitter in (0.0, 1.0):
        talk = Talk(rrq(), 100_000, jitter=jitter)
        talk.begin()
        waits[jitter] = [talk.waits_s]
        for number in range(1, 160):  # a path of 0.5 s, measured now and then
            talk.hears(f"ACK {number}", after_s=0.5)
        waits[jitter].append(talk.waits_s)
        for _ in range(2):
            talk.times_out()
            waits[jitter].append(talk.waits_s)
    first, learnt, once, twice = waits[0.0]
    assert first == 1.0
    assert 0.5 < learnt < 1.0
    assert [once, twice] == pytest.approx([2 * learnt, 4 * learnt])
    assert waits[1.0] == pytest.approx([1.25 * wait for wait in waits[0.0]])


@pytest.mark.clause(12)
def test_repetitions_end_sooner_where_nobody_ever_answered() -> None:
    talk = Talk(rrq(), 2000)
    talk.begin()
    assert [talk.times_out() for _ in range(3)] == [["DATA 1 512"], ["DATA 1 512"], ["failed no-answer"]]
    assert talk.times_out() == []


@pytest.mark.clause(13, 14)
def test_strangers_get_error_5_and_disturb_nothing() -> None:
    talk = Talk(rrq(), 2000)
    talk.begin()
    for stranger in (OTHER_PORT, OTHER_HOST):
        for words in ("ACK 1", b"\0\3\0\1x", rrq(), b"", b"\xff"):
            assert talk.hears(words, stranger) == ["ERROR 5"]
    assert talk.hears("ACK 1") == ["DATA 2 512"]


@pytest.mark.clause(15, 16)
def test_an_error_ends_it_and_is_never_answered() -> None:
    talk = Talk(rrq(), 2000)
    talk.begin()
    assert talk.hears("ERROR 0", OTHER_PORT) == []
    assert talk.hears("ERROR 0") == ["failed peer-error"]
    assert talk.is_over
    assert talk.hears("ERROR 0") == talk.hears("ACK 1") == talk.times_out() == []


@pytest.mark.clause(17)
def test_an_error_has_a_code_a_message_and_a_nul() -> None:
    assert to_bytes(ErrorPacket(1, "File not found")) == b"\0\5\0\1File not found\0"


@pytest.mark.clause(21, 22)
@pytest.mark.parametrize(
    "words", [b"\0\0", b"\0\7x", b"\xff\xff", b"\0\3\0\1data", b"\0\6a\0b\0", rrq(), b""], ids=repr
)
def test_within_a_transfer_other_packets_change_nothing(words: bytes) -> None:
    talk = Talk(rrq(), 2000)
    talk.begin()
    assert talk.hears(words) == []
    assert talk.hears("ACK 1") == ["DATA 2 512"]


@pytest.mark.clause(21, 23)
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"\0\0",
        b"\0\7",
        b"\xff\xff",
        b"\0\1",
        b"\0\1\0",
        b"\0\1f",
        b"\0\1f\0",
        b"\0\1f\0octet",
        b"\0\1\0octet\0",
    ],
    ids=repr,
)
def test_what_is_no_request_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedRequest if data.startswith(b"\0\1") else MalformedPacket):
        from_bytes(data)


@pytest.mark.clause(25)
def test_netascii_is_converted_over_block_borders_too() -> None:
    talk = Talk(rrq("f", "netascii"), b"a" * 511 + b"\n" + b"b" * 509 + b"\rc")
    payloads = talk.run()
    assert payloads == b"a" * 511 + b"\r\n" + b"b" * 509 + b"\r\0c"
    assert [len(part) for part in (payloads[:512], payloads[512:1024], payloads[1024:])] == [512, 512, 1]


@pytest.mark.clause(26)
@pytest.mark.parametrize("rollover", [0, 1])
def test_after_block_65535_comes_0_or_by_configuration_1(rollover: int) -> None:
    talk = Talk(rrq(blksize="8"), 8 * 65_537 + 3, rollover=rollover)
    talk.begin()
    talk.hears("ACK 0")
    for number in range(1, 65_535):
        talk.hears(f"ACK {number}")
    assert talk.hears("ACK 65535") == [f"DATA {rollover} 8"]
    assert talk.hears(f"ACK {rollover}") == [f"DATA {rollover + 1} 8"]
    assert talk.hears(f"ACK {rollover + 1}") == [f"DATA {rollover + 2} 3"]
    assert talk.hears(f"ACK {rollover + 2}") == ["finished"]


@pytest.mark.clause(30)
def test_a_late_ack_after_the_end_brings_nothing() -> None:
    talk = Talk(rrq(), 10)
    talk.begin()
    assert talk.hears("ACK 1") == ["finished"]
    for words in ("ACK 1", "ACK 0", "ACK 2"):
        assert talk.hears(words) == []


@pytest.mark.clause(31)
def test_a_short_ack_is_ignored_and_a_long_one_taken() -> None:
    talk = Talk(rrq(), 2000)
    talk.begin()
    assert talk.hears(b"\0\4") == talk.hears(b"\0\4\0") == []
    assert talk.hears(b"\0\4\0\1 and more") == ["DATA 2 512"]


@pytest.mark.clause(32)
@pytest.mark.parametrize(
    "name", [b"caf\xe9", "Büro".encode(), b"\xff" * 400, b"a" * 490, b"%s%n", b"\x1b[2J"], ids=repr
)
def test_odd_names_are_names(name: bytes) -> None:
    request = from_bytes(b"\0\1" + name + b"\0octet\0")
    assert isinstance(request, ReadRequest)
    assert to_bytes(request) == b"\0\1" + name + b"\0octet\0"


@pytest.mark.clause(81)
@pytest.mark.parametrize("fault", [True, False])
def test_a_file_that_is_cut_meanwhile_ends_with_error_0(fault: bool) -> None:
    content = content_of(20_000)
    length = len(content)

    def read(offset: int, size: int) -> bytes:
        if fault and length < len(content):
            raise ReadFailed("the disk is gone")
        return content[offset : min(offset + size, length)]

    talk = Talk(rrq(), content, read=read)
    answers, number = talk.begin(), 0
    length = 600
    while answers == [f"DATA {number + 1} 512"]:
        number += 1
        answers = talk.hears(f"ACK {number}")
    assert answers == ["ERROR 0", "failed read-failed"]
    assert b"".join(datagram[4:] for datagram in talk.received[:-1]) == content[: 512 * number]
