"""The receiving machine as transcripts, each named by its RFC clause, and exhaustively."""

import pytest

from ringfence.tftp.effects import (
    Deliver,
    Effect,
    Failed,
    FailureReason,
    Finished,
    Send,
)
from ringfence.tftp.options import RequestedOptions
from ringfence.tftp.packets import (
    Acknowledgement,
    Data,
    ErrorPacket,
    OptionAcknowledgement,
    Packet,
    ReadRequest,
    from_bytes,
    to_bytes,
)
from ringfence.tftp.receiving import Receiver, ReceivingState

SERVER = ("192.0.2.1", 69)
TRANSFER = ("192.0.2.1", 40000)
STRANGER = ("192.0.2.66", 40000)
ASKED = RequestedOptions(block_size=1428, transfer_size=True)


def receiver(options: RequestedOptions | None = None, *, longest_bytes: int = 10_000) -> Receiver:
    return Receiver(SERVER, "SEP.xml", options=options or RequestedOptions(), longest_bytes=longest_bytes)


def wire(effects: tuple[Effect, ...]) -> list[Packet]:
    return [from_bytes(effect.data) for effect in effects if isinstance(effect, Send)]


def delivered(effects: tuple[Effect, ...]) -> bytes:
    return b"".join(effect.data for effect in effects if isinstance(effect, Deliver))


def data(block: int, payload: bytes = b"d" * 512) -> bytes:
    return to_bytes(Data(block, payload))


def test_rfc_1350_4_the_request_goes_to_the_known_port_and_the_answers_to_the_one_that_answered() -> None:
    machine = receiver()
    effects = machine.begin(0.0)
    assert wire(effects) == [ReadRequest("SEP.xml", "octet")]
    assert isinstance(effects[0], Send)
    assert effects[0].to == SERVER
    answer = machine.receive_datagram(data(1), TRANSFER, 0.1)
    assert answer[1] == Send(b"\0\4\0\1", to=TRANSFER)


def test_rfc_1350_6_a_short_block_ends_the_transfer() -> None:
    machine = receiver()
    machine.begin(0.0)
    machine.receive_datagram(data(1), TRANSFER, 0.1)
    effects = machine.receive_datagram(data(2, b"end"), TRANSFER, 0.2)
    assert delivered(effects) == b"end"
    assert Finished(515, 0) in effects
    assert machine.state is ReceivingState.DALLYING


def test_rfc_1350_6_dallying_repeats_the_last_ack_and_then_ends() -> None:
    machine = receiver()
    machine.begin(0.0)
    machine.receive_datagram(data(1, b""), TRANSFER, 0.1)
    assert wire(machine.receive_datagram(data(1, b""), TRANSFER, 0.5)) == [Acknowledgement(1)]
    assert machine.handle_timeout(3.2) == ()
    assert machine.state is ReceivingState.OVER


def test_a_repeated_block_is_acknowledged_again_and_delivered_once() -> None:
    machine = receiver()
    machine.begin(0.0)
    machine.receive_datagram(data(1), TRANSFER, 0.1)
    machine.receive_datagram(data(2), TRANSFER, 0.2)
    assert machine.receive_datagram(data(2), TRANSFER, 0.3) == (Send(b"\0\4\0\2", to=TRANSFER),)
    assert machine.receive_datagram(data(1), TRANSFER, 0.3) == ()
    assert machine.receive_datagram(data(4), TRANSFER, 0.3) == ()


def test_rfc_1350_4_a_second_answer_from_another_port_gets_error_5() -> None:
    machine = receiver()
    machine.begin(0.0)
    machine.receive_datagram(data(1), TRANSFER, 0.1)
    other = ("192.0.2.1", 40001)
    assert machine.receive_datagram(data(1), other, 0.1) == (Send(b"\0\5\0\5Unknown transfer ID\0", to=other),)


def test_rfc_1350_4_another_host_gets_error_5_even_before_the_first_answer() -> None:
    machine = receiver()
    machine.begin(0.0)
    assert wire(machine.receive_datagram(data(1), STRANGER, 0.1)) == [ErrorPacket(5, "Unknown transfer ID")]
    assert machine.state is ReceivingState.ASKING


def test_rfc_2347_an_oack_is_acknowledged_by_ack_0_and_its_terms_hold() -> None:
    machine = receiver(ASKED)
    assert wire(machine.begin(0.0)) == [ReadRequest("SEP.xml", "octet", (("blksize", "1428"), ("tsize", "0")))]
    oack = to_bytes(OptionAcknowledgement((("blksize", "1000"), ("tsize", "1500"))))
    assert wire(machine.receive_datagram(oack, TRANSFER, 0.1)) == [Acknowledgement(0)]
    assert wire(machine.receive_datagram(oack, TRANSFER, 0.1)) == [Acknowledgement(0)]
    assert wire(machine.receive_datagram(data(1, b"d" * 1000), TRANSFER, 0.2)) == [Acknowledgement(1)]
    assert machine.receive_datagram(oack, TRANSFER, 0.2) == ()
    assert Finished(1500, 0) in machine.receive_datagram(data(2, b"d" * 500), TRANSFER, 0.3)


def test_rfc_2347_a_server_without_options_answers_with_data_1() -> None:
    machine = receiver(ASKED)
    machine.begin(0.0)
    assert wire(machine.receive_datagram(data(1), TRANSFER, 0.1)) == [Acknowledgement(1)]


@pytest.mark.parametrize("options", [(("blksize", "9999"),), (("windowsize", "2"),)])
def test_rfc_2347_an_oack_with_more_than_was_asked_for_gets_error_8(options: tuple[tuple[str, str], ...]) -> None:
    machine = receiver(ASKED)
    machine.begin(0.0)
    effects = machine.receive_datagram(to_bytes(OptionAcknowledgement(options)), TRANSFER, 0.1)
    assert wire(effects) == [ErrorPacket(8, "Option refused")]
    assert effects[-1] == Failed(FailureReason.BAD_OPTIONS)


def test_an_error_ends_it_without_an_answer() -> None:
    machine = receiver()
    machine.begin(0.0)
    effects = machine.receive_datagram(to_bytes(ErrorPacket(1, "File not found")), TRANSFER, 0.1)
    assert effects == (Failed(FailureReason.PEER_ERROR, 1, "File not found"),)


def test_silence_is_met_by_finite_repetitions() -> None:
    machine = receiver()
    machine.begin(0.0)
    sent, now = 0, 0.0
    while machine.state is not ReceivingState.OVER:
        now += 10
        effects = machine.handle_timeout(now)
        sent += len(wire(effects))
    assert sent == 5
    assert effects == (Failed(FailureReason.NO_ANSWER),)


def test_endless_data_is_refused() -> None:
    machine = receiver(longest_bytes=1000)
    machine.begin(0.0)
    machine.receive_datagram(data(1), TRANSFER, 0.1)
    effects = machine.receive_datagram(data(2), TRANSFER, 0.2)
    assert wire(effects) == [ErrorPacket(3, "The file is too long")]
    assert effects[-1] == Failed(FailureReason.TOO_LONG)


def test_a_size_that_is_told_beforehand_and_too_long_is_refused_at_once() -> None:
    machine = receiver(ASKED, longest_bytes=1000)
    machine.begin(0.0)
    effects = machine.receive_datagram(to_bytes(OptionAcknowledgement((("tsize", "1001"),))), TRANSFER, 0.1)
    assert effects[-1] == Failed(FailureReason.TOO_LONG)


def test_a_block_longer_than_agreed_is_a_broken_protocol() -> None:
    machine = receiver()
    machine.begin(0.0)
    assert machine.receive_datagram(data(1, b"d" * 513), TRANSFER, 0.1)[-1] == Failed(FailureReason.BAD_PACKET)


def test_the_block_number_goes_from_65535_to_0() -> None:
    machine = receiver(RequestedOptions(block_size=8), longest_bytes=1 << 20)
    machine.begin(0.0)
    machine.receive_datagram(to_bytes(OptionAcknowledgement((("blksize", "8"),))), TRANSFER, 0.0)
    for block in range(1, 65538):
        effects = machine.receive_datagram(data(block & 0xFFFF, b"d" * 8), TRANSFER, 0.0)
        assert len(effects) == 3
    assert Finished(65537 * 8 + 1, 0) in machine.receive_datagram(data(2, b"e"), TRANSFER, 0.0)


INPUTS: dict[str, bytes] = {
    "awaited data": b"",  # filled in for each state
    "short awaited data": b"",
    "data 9": data(9),
    "short data packet": b"\0\3\0",
    "ack": to_bytes(Acknowledgement(0)),
    "rrq": to_bytes(ReadRequest("a", "octet")),
    "oack": to_bytes(OptionAcknowledgement((("tsize", "5"),))),
    "bad oack": to_bytes(OptionAcknowledgement((("blksize", "1"),))),
    "error": to_bytes(ErrorPacket(0, "")),
    "nothing": b"",
}


def in_state(state: ReceivingState) -> tuple[Receiver, int]:
    machine = receiver(ASKED)
    machine.begin(0.0)
    if state is ReceivingState.ASKING:
        return machine, 1
    machine.receive_datagram(data(1), TRANSFER, 0.0)
    if state is ReceivingState.DALLYING:
        machine.receive_datagram(data(2, b""), TRANSFER, 0.0)
    if state is ReceivingState.OVER:
        machine.receive_datagram(INPUTS["error"], TRANSFER, 0.0)
    return machine, 2 if state is not ReceivingState.DALLYING else 3


@pytest.mark.parametrize("state", ReceivingState)
@pytest.mark.parametrize("name", [*INPUTS, "timeout"])
def test_every_state_and_every_input(state: ReceivingState, name: str) -> None:
    machine, block = in_state(state)
    packet = {"awaited data": data(block), "short awaited data": data(block, b"s")}.get(name) or INPUTS.get(name, b"")
    effects = machine.handle_timeout(1000.0) if name == "timeout" else machine.receive_datagram(packet, TRANSFER, 0.1)
    match state, name:
        case ReceivingState.OVER, _:
            assert (effects, machine.state) == ((), state)
        case ReceivingState.DALLYING, ("error" | "timeout"):
            assert (effects, machine.state) == ((), ReceivingState.OVER)
        case _, "error":
            assert (machine.state, wire(effects)) == (ReceivingState.OVER, [])
        case _, "timeout":
            assert (machine.state, len(wire(effects))) == (state, 1)
        case ((ReceivingState.ASKING | ReceivingState.RECEIVING), "awaited data"):
            assert (machine.state, wire(effects)) == (ReceivingState.RECEIVING, [Acknowledgement(block)])
        case ((ReceivingState.ASKING | ReceivingState.RECEIVING), "short awaited data"):
            assert (machine.state, wire(effects)) == (ReceivingState.DALLYING, [Acknowledgement(block)])
        case ReceivingState.ASKING, "oack":
            assert (machine.state, wire(effects)) == (ReceivingState.RECEIVING, [Acknowledgement(0)])
        case ReceivingState.ASKING, "bad oack":
            assert (machine.state, wire(effects)) == (ReceivingState.OVER, [ErrorPacket(8, "Option refused")])
        case _:
            assert (effects, machine.state) == ((), state)
