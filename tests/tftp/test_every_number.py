"""Every state of a window and every block number that there is: both machines against a few lines that say the same."""

import copy

import pytest

from ringfence.tftp.effects import (
    Deliver,
    Effect,
    Effects,
    Finished,
    Send,
    SendBurst,
)
from ringfence.tftp.options import RequestedOptions, negotiate
from ringfence.tftp.packets import (
    Acknowledgement,
    Data,
    ErrorPacket,
    OptionAcknowledgement,
    Packet,
    from_bytes,
    to_bytes,
)
from ringfence.tftp.receiving import Receiver, ReceivingState
from ringfence.tftp.sending import Sender, SendingState

PHONE, SERVER, TRANSFER = ("192.0.2.7", 50000), ("192.0.2.1", 69), ("192.0.2.1", 40000)
BLOCK = 8
ALL_NUMBERS = range(65_536)


def numbered(index: int, rollover: int) -> int:
    """Return the number of the block that is the ``index``th of its file, from 1 on."""
    return index if index <= 65_535 else (index - 65_536) % (65_536 - rollover) + rollover


def ack(number: int) -> bytes:
    return to_bytes(Acknowledgement(number))


def wire(effects: Effects) -> list[Packet]:
    sent: list[bytes] = []
    for effect in effects:
        match effect:
            case Send(data):
                sent.append(data)
            case SendBurst():
                sent.extend(effect.datagrams())
            case _:
                pass
    return [from_bytes(data) for data in sent]


def blocks_of(effects: Effects) -> list[int]:
    return [packet.block for packet in wire(effects) if isinstance(packet, Data)]


class Sending:
    """How to bring a sender to where blocks ``first`` … ``last`` of ``total`` are in flight."""

    def __init__(self, window: int, first: int, total: int, rollover: int) -> None:
        self.window, self.first, self.total, self.rollover = window, first, total, rollover
        self.last = min(first + window - 1, total)

    def reach(self) -> Sender:
        pairs = (("blksize", str(BLOCK)), ("windowsize", str(self.window)))
        length = (self.total - 1) * BLOCK + 3
        terms = negotiate(pairs, mode="octet", size_bytes=length)
        machine = Sender(PHONE, lambda _at, size: b"x" * size, length, terms=terms, rollover=self.rollover)
        machine.begin(0.0)
        machine.receive_datagram(ack(0), PHONE, 0.0)
        done = 0
        while done + 1 < self.first:
            done = min(done + self.window, self.first - 1)
            machine.receive_datagram(ack(numbered(done, self.rollover)), PHONE, 0.0)
        assert machine.block == numbered(self.last, self.rollover)
        return machine

    def names_of(self, index: int) -> tuple[int, ...]:
        """Return the numbers that an ACK of a block may have."""
        if index == 0 or (self.rollover and index % 65_535 == 0 and index < self.first):
            # Before the first block there was ACK 0; where 1 follows 65535, both are what comes before block 1.
            return (0, 65_535) if self.rollover else (0,)
        return (numbered(index, self.rollover),)

    def expected(self, number: int) -> list[int] | str | None:
        """Say what an ACK brings: the blocks that are sent, "finished", or nothing."""
        for index in range(self.first - 1, self.last + 1):
            if number not in self.names_of(index):
                continue
            if index == self.total:
                return "finished"
            if self.window == 1 and index < self.first:
                return None  # the Sorcerer's Apprentice
            upto = min(index + self.window, self.total)
            return [numbered(block, self.rollover) for block in range(index + 1, upto + 1)]
        return None


@pytest.mark.slow
@pytest.mark.parametrize("window", [1, 5])
@pytest.mark.parametrize("rollover", [0, 1])
@pytest.mark.parametrize(
    ("first", "total"), [(1, 1), (1, 3), (1, 100), (6, 100), (96, 97), (65_531, 65_700), (65_536, 65_700)]
)
def test_every_ack_in_every_place_of_a_file(window: int, rollover: int, first: int, total: int) -> None:
    sending = Sending(window, first, total, rollover)
    reached = sending.reach()
    machine = copy.deepcopy(reached)
    for number in ALL_NUMBERS:
        expected = sending.expected(number)
        effects = machine.receive_datagram(ack(number), PHONE, 0.1)
        match expected:
            case None:
                assert (effects, machine.state) == ((), SendingState.SENDING), number
                continue
            case "finished":
                assert isinstance(effects[-1], Finished), number
                assert machine.state is SendingState.OVER
            case _:
                assert blocks_of(effects) == expected, number
                # However often it comes again, nothing more comes of it now.
                again = machine.receive_datagram(ack(number), PHONE, 0.1)
                assert window == 1 or number == numbered(sending.last, rollover) or blocks_of(again) in ([], expected)
        machine = copy.deepcopy(reached)


@pytest.mark.parametrize("window", [1, 2, 5])
@pytest.mark.parametrize(
    "words", [b"", b"\0\4", b"\0\4\0", b"\0\3\0\1x", b"\0\1f\0octet\0", b"\0\6", b"\0\7"], ids=repr
)
def test_other_words_move_no_window(window: int, words: bytes) -> None:
    sending = Sending(window, 6, 100, 0)
    machine = sending.reach()
    assert machine.receive_datagram(words, PHONE, 0.1) == ()
    assert blocks_of(machine.handle_timeout(99.0)) == list(range(6, 6 + window))
    assert machine.receive_datagram(to_bytes(ErrorPacket(0, "")), PHONE, 99.1)[-1] is not None
    assert machine.state is SendingState.OVER


class Receiving:
    """How to bring a receiver to where ``last`` blocks have come."""

    def __init__(self, window: int, last: int, rollover: int) -> None:
        self.window, self.last, self.rollover = window, last, rollover
        self.in_window = last % window

    def reach(self) -> Receiver:
        asked = RequestedOptions(block_size=BLOCK, window_size=self.window)
        machine = Receiver(SERVER, "f", options=asked, rollover=self.rollover)
        machine.begin(0.0)
        machine.receive_datagram(to_bytes(OptionAcknowledgement(asked.to_pairs())), TRANSFER, 0.0)
        for index in range(1, self.last + 1):
            machine.receive_datagram(self.data(numbered(index, self.rollover)), TRANSFER, 0.0)
        return machine

    def data(self, number: int, octets: int = BLOCK) -> bytes:
        return to_bytes(Data(number, b"d" * octets))

    def expected(self, number: int, octets: int) -> tuple[int, int | None]:
        """Say what DATA brings: octets that are delivered, and the block that is acknowledged."""
        last = numbered(self.last, self.rollover) if self.last else 0
        if number == numbered(self.last + 1, self.rollover):
            is_answered = octets < BLOCK or self.in_window + 1 == self.window
            return octets, number if is_answered else None
        if number == last and self.last:
            return 0, None if self.in_window else last
        ahead = [numbered(self.last + more, self.rollover) for more in range(2, self.window - self.in_window + 1)]
        return 0, last if number in ahead else None


@pytest.mark.slow
@pytest.mark.parametrize("window", [1, 5])
@pytest.mark.parametrize("rollover", [0, 1])
@pytest.mark.parametrize("last", [0, 1, 2, 3, 4, 5, 65_533, 65_535, 65_536])
def test_every_data_in_every_place_of_a_window(window: int, rollover: int, last: int) -> None:
    receiving = Receiving(window, last, rollover)
    reached = receiving.reach()
    machine = copy.deepcopy(reached)
    near = [number % 65_536 for number in range(last - 8, last + 9)]
    for octets, numbers in ((BLOCK, ALL_NUMBERS), (3, near)):
        for number in numbers:
            size, answer = receiving.expected(number, octets)
            effects = machine.receive_datagram(receiving.data(number, octets), TRANSFER, 0.1)
            assert _delivered(effects) == size, number
            assert wire(effects) == ([] if answer is None else [Acknowledgement(answer)]), number
            assert (machine.state is ReceivingState.DALLYING) == (size == 3), number
            if effects:
                machine = copy.deepcopy(reached)


def _delivered(effects: tuple[Effect, ...]) -> int:
    return sum(len(effect.data) for effect in effects if isinstance(effect, Deliver))


@pytest.mark.parametrize("window", [2, 5])
def test_a_gap_is_told_once_until_a_block_or_a_timeout_comes(window: int) -> None:
    receiving = Receiving(window, window, 0)
    machine = receiving.reach()
    gap = receiving.data(window + 2)
    assert wire(machine.receive_datagram(gap, TRANSFER, 0.1)) == [Acknowledgement(window)]
    assert [machine.receive_datagram(gap, TRANSFER, 0.1) for _ in range(3)] == [(), (), ()]
    assert wire(machine.handle_timeout(99.0)) == [Acknowledgement(window)]
    assert wire(machine.receive_datagram(gap, TRANSFER, 99.1)) == [Acknowledgement(window)]


@pytest.mark.parametrize("window", [1, 5])
def test_a_block_longer_than_agreed_ends_it(window: int) -> None:
    machine = Receiving(window, 3, 0).reach()
    effects = machine.receive_datagram(to_bytes(Data(4, b"d" * (BLOCK + 1))), TRANSFER, 0.1)
    assert wire(effects) == [ErrorPacket(4, "Illegal TFTP operation")]
    assert machine.state is ReceivingState.OVER
