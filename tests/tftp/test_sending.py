"""The sending machine as transcripts, each named by its RFC clause, and exhaustively."""

import pytest

from ringfence.tftp.effects import (
    Effect,
    Failed,
    FailureReason,
    Finished,
    Send,
    SendBurst,
    WakeAt,
)
from ringfence.tftp.errors import ReadFailed
from ringfence.tftp.options import Terms, negotiate
from ringfence.tftp.packets import (
    Acknowledgement,
    Data,
    ErrorPacket,
    Packet,
    ReadRequest,
    from_bytes,
    to_bytes,
)
from ringfence.tftp.retransmission import RetransmissionPolicy
from ringfence.tftp.sending import Sender, SendingState

PHONE = ("192.0.2.7", 50000)
STRANGER = ("192.0.2.66", 50000)
SAME_PHONE_OTHER_PORT = ("192.0.2.7", 50001)


def sender(content: bytes = b"x" * 600, *, mode: str = "octet", terms: Terms | None = None) -> Sender:
    return Sender(
        PHONE, lambda offset, size: content[offset : offset + size], len(content), mode=mode, terms=terms or Terms()
    )


def wire(effects: tuple[Effect, ...]) -> list[Packet]:
    datagrams: list[bytes] = []
    for effect in effects:
        match effect:
            case Send(data):
                datagrams.append(data)
            case SendBurst():
                datagrams.extend(effect.datagrams())
            case _:
                pass
    return [from_bytes(data) for data in datagrams]


def ack(block: int) -> bytes:
    return to_bytes(Acknowledgement(block))


def test_rfc_1350_2_the_first_answer_is_data_1() -> None:
    assert wire(sender().begin(0.0)) == [Data(1, b"x" * 512)]


def test_rfc_1350_6_a_transfer_ends_with_a_short_block() -> None:
    machine = sender()
    machine.begin(0.0)
    assert wire(machine.receive_datagram(ack(1), PHONE, 0.1)) == [Data(2, b"x" * 88)]
    assert machine.receive_datagram(ack(2), PHONE, 0.2) == (Finished(600, 0),)
    assert machine.state is SendingState.OVER


def test_rfc_1350_6_an_empty_file_is_one_empty_block() -> None:
    machine = sender(b"")
    assert wire(machine.begin(0.0)) == [Data(1, b"")]
    assert machine.receive_datagram(ack(1), PHONE, 0.1) == (Finished(0, 0),)


def test_rfc_1350_6_a_multiple_of_512_is_closed_by_an_empty_block() -> None:
    machine = sender(b"y" * 512)
    machine.begin(0.0)
    assert wire(machine.receive_datagram(ack(1), PHONE, 0.1)) == [Data(2, b"")]


def test_rfc_1350_2_a_lost_ack_makes_the_last_data_come_again() -> None:
    machine = sender()
    machine.begin(0.0)
    machine.receive_datagram(ack(1), PHONE, 0.1)
    assert wire(machine.handle_timeout(machine.wake_at)) == [Data(2, b"x" * 88)]
    assert machine.receive_datagram(ack(2), PHONE, 9.0) == (Finished(600, 1),)


def test_rfc_1123_4_2_3_1_a_duplicate_ack_sends_nothing() -> None:
    machine = sender(b"x" * 2000)
    machine.begin(0.0)
    machine.receive_datagram(ack(1), PHONE, 0.1)
    for _ in range(5):
        assert machine.receive_datagram(ack(1), PHONE, 0.2) == ()
    assert machine.advance(ack(1), 0.2) is None
    assert wire(machine.receive_datagram(ack(2), PHONE, 0.3)) == [Data(3, b"x" * 512)]


def test_rfc_1350_2_an_ack_from_the_future_moves_nothing() -> None:
    machine = sender(b"x" * 2000)
    machine.begin(0.0)
    assert machine.receive_datagram(ack(3), PHONE, 0.1) == ()
    assert machine.receive_datagram(ack(0), PHONE, 0.1) == ()
    assert wire(machine.receive_datagram(ack(1), PHONE, 0.1)) == [Data(2, b"x" * 512)]


def test_bytes_after_the_awaited_ack_are_overlooked() -> None:
    machine = sender()
    machine.begin(0.0)
    assert machine.advance(ack(1) + b"trailing", 0.1) is None
    assert wire(machine.receive_datagram(ack(1) + b"trailing", PHONE, 0.1)) == [Data(2, b"x" * 88)]


def test_rfc_1123_4_2_3_2_timeouts_back_off_exponentially_and_end() -> None:
    machine = sender()
    machine.begin(0.0)
    machine.receive_datagram(ack(1), PHONE, 0.4)  # a round trip of 0.4 s: the timeout becomes 0.4 + 4 * 0.2
    now, waits = 0.4, []
    while machine.state is not SendingState.OVER:
        waits.append(round(machine.wake_at - now, 3))
        now = machine.wake_at
        effects = machine.handle_timeout(now)
    assert waits == [1.2, 2.4, 4.8, 8.0, 8.0, 8.0]
    assert effects == (Failed(FailureReason.WENT_SILENT),)


def test_an_unproven_peer_gets_one_datagram_repeated_twice() -> None:
    machine = sender(b"x" * 100_000)
    sent = len(wire(machine.begin(0.0)))
    while machine.state is not SendingState.OVER:
        effects = machine.handle_timeout(machine.wake_at)
        sent += len(wire(effects))
    assert sent == 3
    assert effects == (Failed(FailureReason.NO_ANSWER),)


def test_karns_rule_an_ack_of_a_repeated_block_measures_nothing() -> None:
    machine = sender(b"x" * 5000)
    machine.begin(0.0)
    machine.handle_timeout(1.0)
    machine.receive_datagram(ack(1), PHONE, 2.9)
    assert machine.wake_at == pytest.approx(2.9 + 2.0)  # still backed off: nothing is known yet


def test_before_its_time_a_timeout_changes_nothing() -> None:
    machine = sender()
    machine.begin(0.0)
    assert machine.handle_timeout(0.5) == (WakeAt(1.0),)
    assert machine.retransmissions == 0


def test_jitter_lengthens_the_timeouts() -> None:
    machine = Sender(PHONE, lambda _offset, size: b"x" * size, 600, jitter=1.0)
    machine.begin(0.0)
    assert machine.wake_at == pytest.approx(1.25)


def test_rfc_1350_4_a_stranger_gets_error_5_and_disturbs_nothing() -> None:
    machine = sender()
    machine.begin(0.0)
    for stranger in (STRANGER, SAME_PHONE_OTHER_PORT):
        assert machine.receive_datagram(ack(1), stranger, 0.1) == (Send(b"\0\5\0\5Unknown transfer ID\0", to=stranger),)
        assert machine.receive_datagram(b"\0\5\0\0bye\0", stranger, 0.1) == ()
    assert wire(machine.receive_datagram(ack(1), PHONE, 0.1)) == [Data(2, b"x" * 88)]


def test_rfc_1350_7_an_error_ends_the_transfer_and_is_not_answered() -> None:
    machine = sender()
    machine.begin(0.0)
    error = to_bytes(ErrorPacket(3, "Disk full"))
    assert machine.receive_datagram(error, PHONE, 0.1) == (Failed(FailureReason.PEER_ERROR, 3, "Disk full"),)
    assert machine.handle_timeout(99.0) == ()


def test_the_block_number_goes_from_65535_to_0() -> None:
    content = b"z" * (8 * 65537 + 3)
    machine = sender(content, terms=Terms(block_size=8))
    machine.begin(0.0)
    for block in range(1, 65536):
        packet = machine.advance(ack(block), 0.0)
    assert packet == b"\0\3\0\0" + b"z" * 8
    assert machine.advance(ack(0), 0.0) == b"\0\3\0\1" + b"z" * 8
    assert machine.advance(ack(1), 0.0) == b"\0\3\0\2" + b"z" * 3
    assert machine.receive_datagram(ack(2), PHONE, 0.0) == (Finished(len(content), 0),)


def test_rfc_2347_an_oack_waits_for_ack_0_before_data_1() -> None:
    terms = negotiate((("blksize", "8"), ("tsize", "0")), mode="octet", size_bytes=10)
    machine = sender(b"0123456789", terms=terms)
    assert [effect.data for effect in machine.begin(0.0) if isinstance(effect, Send)] == [
        b"\0\6blksize\x008\0tsize\x0010\0"
    ]
    assert machine.receive_datagram(ack(1), PHONE, 0.1) == ()
    assert wire(machine.receive_datagram(ack(0), PHONE, 0.1)) == [Data(1, b"01234567")]
    assert machine.receive_datagram(ack(0), PHONE, 0.1) == ()  # the Sorcerer's Apprentice, at block 0
    assert wire(machine.receive_datagram(ack(1), PHONE, 0.1)) == [Data(2, b"89")]


def test_rfc_2347_a_lost_oack_comes_again_and_error_8_ends_it() -> None:
    machine = sender(terms=negotiate((("tsize", "0"),), mode="octet", size_bytes=600))
    first = machine.begin(0.0)[0]
    assert machine.handle_timeout(1.0)[0] == first
    effects = machine.receive_datagram(to_bytes(ErrorPacket(8, "no")), PHONE, 1.1)
    assert effects == (Failed(FailureReason.PEER_ERROR, 8, "no"),)


def test_rfc_2349_a_negotiated_timeout_is_the_one_that_is_used() -> None:
    machine = sender(terms=negotiate((("timeout", "3"),), mode="octet", size_bytes=600))
    assert machine.begin(0.0)[1] == WakeAt(3.0)
    machine.receive_datagram(ack(0), PHONE, 0.1)
    assert machine.wake_at == pytest.approx(3.1)
    machine.handle_timeout(3.2)
    assert machine.wake_at == pytest.approx(6.2)  # and no back-off: the peer said how often


def test_rfc_1350_1_netascii_is_converted_on_the_way() -> None:
    machine = sender(b"a" * 511 + b"\n" + b"b", mode="netascii")
    assert wire(machine.begin(0.0)) == [Data(1, b"a" * 511 + b"\r")]
    assert wire(machine.receive_datagram(ack(1), PHONE, 0.1)) == [Data(2, b"\nb")]


def test_a_file_that_cannot_be_read_ends_with_error_0() -> None:
    def broken(offset: int, _size: int) -> bytes:
        if offset:
            raise ReadFailed("the disk is gone")
        return b"x" * 16_384

    machine = Sender(PHONE, broken, 100_000, terms=Terms(block_size=16_384))
    machine.begin(0.0)
    effects = machine.receive_datagram(ack(1), PHONE, 0.1)
    assert wire(effects) == [ErrorPacket(0, "The file could not be read")]
    assert effects[-1] == Failed(FailureReason.READ_FAILED)
    at_once = Sender(PHONE, lambda _offset, _size: b"", 1000)
    assert at_once.begin(0.0)[-1] == Failed(FailureReason.READ_FAILED)


def windowed(size_bytes: int = 100, window: int = 4) -> tuple[Sender, bytes]:
    """Return a machine whose first window of 8-byte blocks is in flight, and its content."""
    content = bytes(range(256))[:size_bytes]
    terms = negotiate((("blksize", "8"), ("windowsize", str(window))), mode="octet", size_bytes=size_bytes)
    machine = sender(content, terms=terms)
    machine.begin(0.0)
    assert wire(machine.receive_datagram(ack(0), PHONE, 0.0)) == blocks_of(content, 1, window)
    machine.prepare()
    return machine, content


def blocks_of(content: bytes, first: int, last: int) -> list[Data]:
    return [Data(n, content[8 * (n - 1) : 8 * n]) for n in range(first, min(last, len(content) // 8 + 1) + 1)]


def test_rfc_7440_4_the_ack_of_a_windows_last_block_brings_the_next_window() -> None:
    machine, content = windowed()
    assert wire(machine.receive_datagram(ack(4), PHONE, 0.1)) == blocks_of(content, 5, 8)
    machine.prepare()
    assert wire(machine.receive_datagram(ack(8), PHONE, 0.1)) == blocks_of(content, 9, 12)
    assert wire(machine.receive_datagram(ack(12), PHONE, 0.1)) == [Data(13, content[96:])]
    assert machine.receive_datagram(ack(13), PHONE, 0.1) == (Finished(100, 0),)


def test_rfc_7440_4_an_ack_within_the_window_begins_a_window_there() -> None:
    machine, content = windowed()
    assert wire(machine.receive_datagram(ack(2), PHONE, 0.1)) == blocks_of(content, 3, 6)
    assert machine.retransmissions == 2
    assert wire(machine.receive_datagram(ack(6), PHONE, 0.2)) == blocks_of(content, 7, 10)
    assert wire(machine.receive_datagram(ack(9), PHONE, 0.3)) == blocks_of(content, 10, 13)
    assert machine.receive_datagram(ack(13), PHONE, 0.4) == (Finished(100, 3),)


def test_rfc_7440_4_a_gap_at_the_windows_beginning_repeats_it_once_until_the_timeout() -> None:
    machine, content = windowed()
    machine.receive_datagram(ack(4), PHONE, 0.1)
    assert wire(machine.receive_datagram(ack(4), PHONE, 0.1)) == blocks_of(content, 5, 8)
    for _ in range(3):
        assert machine.receive_datagram(ack(4), PHONE, 0.1) == ()
    assert wire(machine.handle_timeout(99.0)) == blocks_of(content, 5, 8)
    assert machine.receive_datagram(ack(4), PHONE, 99.1) == ()


def test_rfc_7440_4_one_doubled_ack_does_not_double_the_windows_that_follow() -> None:
    machine, _ = windowed(size_bytes=250)
    sent = 0
    for number in (4, 8, 12, 16, 20):
        for _ in range(2):
            sent += len(wire(machine.receive_datagram(ack(number), PHONE, 0.1)))
    assert sent == 5 * 4 + 4


def test_rfc_7440_4_acks_of_windows_past_and_to_come_move_nothing() -> None:
    machine, _ = windowed()
    machine.receive_datagram(ack(4), PHONE, 0.1)
    for number in (0, 1, 2, 3, 9, 10, 65535):
        assert machine.receive_datagram(ack(number), PHONE, 0.1) == ()


def test_rfc_7440_4_a_timeout_repeats_the_whole_window() -> None:
    machine, content = windowed()
    assert wire(machine.handle_timeout(5.0)) == blocks_of(content, 1, 4)
    assert machine.retransmissions == 4


def test_a_file_that_fails_within_a_window_ends_with_error_0() -> None:
    content = bytes(20)
    terms = Terms(block_size=8, window_size=4, acknowledged=(("blksize", "8"), ("windowsize", "4")))
    machine = Sender(PHONE, lambda offset, size: content[offset : offset + size], 100, terms=terms)
    machine.begin(0.0)
    assert machine.receive_datagram(ack(0), PHONE, 0.1)[-1] == Failed(FailureReason.READ_FAILED)


INPUTS: dict[str, bytes] = {
    "awaited ack": b"",  # filled in for each state
    "ack 0": ack(0),
    "ack 1": ack(1),
    "ack 9": ack(9),
    "short ack": b"\0\4\0",
    "data": to_bytes(Data(1, b"x")),
    "rrq": to_bytes(ReadRequest("a", "octet")),
    "oack": b"\0\6",
    "error": to_bytes(ErrorPacket(0, "")),
    "nothing": b"",
    "opcode 9": b"\0\x09rest",
}


def in_state(state: SendingState) -> tuple[Sender, bytes]:
    """Bring a machine into ``state`` (block 2 of 3 in flight where it is sending) and tell its awaited ACK."""
    terms = negotiate((("tsize", "0"),), mode="octet", size_bytes=1300)
    machine = sender(b"x" * 1300, terms=terms)
    if state is SendingState.NEW:
        return machine, ack(0)
    machine.begin(0.0)
    if state is SendingState.OFFERED:
        return machine, ack(0)
    machine.receive_datagram(ack(0), PHONE, 0.0)
    machine.receive_datagram(ack(1), PHONE, 0.0)
    if state is SendingState.OVER:
        machine.receive_datagram(INPUTS["error"], PHONE, 0.0)
    return machine, ack(2)


@pytest.mark.parametrize("state", SendingState)
@pytest.mark.parametrize("name", [*INPUTS, "timeout"])
def test_every_state_and_every_input(state: SendingState, name: str) -> None:
    machine, awaited = in_state(state)
    data = awaited if name == "awaited ack" else INPUTS.get(name, b"")
    effects = machine.handle_timeout(1000.0) if name == "timeout" else machine.receive_datagram(data, PHONE, 0.1)
    match state, name:
        case ((SendingState.NEW | SendingState.OVER), _):
            assert (effects, machine.state) == ((), state)
        case _, "error":
            assert (machine.state, wire(effects)) == (SendingState.OVER, [])
        case _, "timeout":
            assert (machine.state, len(wire(effects))) == (state, 1)
        case _, _ if data == awaited:
            assert (machine.state, len(wire(effects))) == (SendingState.SENDING, 1)
        case _:
            assert (effects, machine.state) == ((), state)


def test_a_policy_without_retries_gives_up_at_the_first_timeout() -> None:
    policy = RetransmissionPolicy(retries=0, unproven_retries=0)
    machine = Sender(PHONE, lambda _offset, size: b"x" * size, 600, policy=policy)
    machine.begin(0.0)
    assert machine.begin(0.0) == ()
    assert machine.handle_timeout(1.0) == (Failed(FailureReason.NO_ANSWER),)
