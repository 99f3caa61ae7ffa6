"""Generated packets against everything that reads strangers' bytes: the parser, the options, the machines, the engine.

RINGFENCE_FUZZ_SEED=n repeats a run whose seed a failure has told; RINGFENCE_FUZZ_COUNT=n makes it longer or shorter.
"""

import gc
import os
import secrets
import socket
import tracemalloc
from collections.abc import Iterator

import pytest

from ringfence.server.access.admission import Admission
from ringfence.server.events import WorkerEvent
from ringfence.server.files.catalogue import NOTHING_OFFERED, Catalogue
from ringfence.server.io import sockets
from ringfence.server.io.loop import Loop
from ringfence.server.io.sockets import Datagram
from ringfence.server.limits.settings import Limits
from ringfence.server.tftp.engine import Engine
from ringfence.sim.malformed import PacketMaker
from ringfence.tftp.errors import MalformedPacket, MalformedRequest
from ringfence.tftp.options import (
    LARGEST_BLOCK_SIZE,
    SMALLEST_BLOCK_SIZE,
    RequestedOptions,
    Terms,
    accept,
    negotiate,
)
from ringfence.tftp.packets import (
    LONGEST_REQUEST_BYTES,
    Acknowledgement,
    Data,
    OptionAcknowledgement,
    ReadRequest,
    WriteRequest,
    from_bytes,
    to_bytes,
)
from ringfence.tftp.receiving import Receiver, ReceivingState
from ringfence.tftp.sending import Sender, SendingState
from support.tftp_servers import fresh_host, offer

PACKETS = int(os.environ.get("RINGFENCE_FUZZ_COUNT", "1000000"))
FIXED_SEED = 1350
RANDOM_SEED = int(os.environ.get("RINGFENCE_FUZZ_SEED", secrets.randbits(32)))
FEW = 100_000

PEER, SERVER, TRANSFER, STRANGER = ("192.0.2.7", 1), ("192.0.2.1", 69), ("192.0.2.1", 2), ("192.0.2.66", 3)
CONTENT = bytes(range(256)) * 40
ASKED = RequestedOptions(1428, transfer_size=True, timeout_s=3, window_size=8)
WINDOW = (("blksize", "100"), ("windowsize", "4"))
OACK = to_bytes(OptionAcknowledgement(WINDOW))


def read(offset: int, size: int) -> bytes:
    return CONTENT[offset : offset + size]


def ack(block: int) -> bytes:
    return to_bytes(Acknowledgement(block))


def senders() -> list[Sender]:
    """A sender in each state, in lock-step and in windows."""
    made = []
    for pairs in ((), WINDOW):
        terms = negotiate(pairs, mode="octet", size_bytes=len(CONTENT))
        for acknowledgements in (None, (), (0, 1, 2) if pairs else (1, 2), (1000,)):
            sender = Sender(PEER, read, len(CONTENT), terms=terms)
            made.append(sender)
            if acknowledgements is None:
                continue
            sender.begin(0.0)
            for number in acknowledgements:
                sender.receive_datagram(b"\0\5\0\0\0" if number == 1000 else ack(number), PEER, 0.0)
    return made


def receivers() -> list[Receiver]:
    """A receiver in each state, in lock-step and in windows."""
    made = []
    for options in (RequestedOptions(), ASKED):
        said: tuple[bytes, ...] = (b"\0\3\0\1" + b"d" * 512,)
        if options is ASKED:
            said = (OACK, b"\0\3\0\1" + b"d" * 100, b"\0\3\0\2" + b"d" * 100)
        last = b"\0\3" + (len(said) if options is ASKED else 2).to_bytes(2, "big")
        for answers in ((), said, (*said, last), (*said, b"\0\5\0\0\0")):
            receiver = Receiver(SERVER, "f", options=options, longest_bytes=100_000)
            made.append(receiver)
            receiver.begin(0.0)
            for answer in answers:
                receiver.receive_datagram(answer, TRANSFER, 0.0)
    return made


def test_the_machines_under_fire_are_in_every_state() -> None:
    assert {machine.state for machine in senders()} == set(SendingState)
    assert {machine.state for machine in receivers()} == set(ReceivingState)


def check_parsing(data: bytes) -> None:
    """Only malformed packets are refused, by the right error; what is read comes back from its bytes."""
    try:
        packet = from_bytes(data)
    except MalformedRequest:
        assert data[:2] in {b"\0\1", b"\0\2"}
        return
    except MalformedPacket:
        assert data[:2] not in {b"\0\1", b"\0\2"}
        return
    again = to_bytes(packet)
    if isinstance(packet, ReadRequest | WriteRequest):
        assert len(data) <= LONGEST_REQUEST_BYTES
        if len(again) <= LONGEST_REQUEST_BYTES:  # lower case may be longer than what came
            assert from_bytes(again) == packet
        check_terms(negotiate(packet.options, mode=packet.mode, size_bytes=len(CONTENT)))
        return
    assert from_bytes(again) == packet
    if isinstance(packet, Data):
        assert again == data
    elif isinstance(packet, OptionAcknowledgement):
        terms = accept(packet.options, ASKED)
        if terms is not None:
            check_terms(terms)


def check_terms(terms: Terms) -> None:
    assert SMALLEST_BLOCK_SIZE <= terms.block_size <= LARGEST_BLOCK_SIZE
    assert 1 <= terms.window_size <= 64
    assert terms.timeout_s is None or 1 <= terms.timeout_s <= 60
    assert len(to_bytes(OptionAcknowledgement(terms.acknowledged))) <= LONGEST_REQUEST_BYTES


class Range:
    """Machines that are shot at in turn, each made anew in its state when it has moved on."""

    def __init__(self) -> None:
        self._targets = self._aim()
        self.shots = 0

    @staticmethod
    def _aim() -> Iterator[Sender | Receiver]:
        while True:
            yield from senders()
            yield from receivers()

    def shoot(self, packets: list[bytes]) -> None:
        """One machine takes ``packets`` one after the other, with a stranger's and a timeout in between."""
        machine = next(self._targets)
        peer = PEER if isinstance(machine, Sender) else TRANSFER
        now = 0.0
        for number, data in enumerate(packets):
            now += 0.3
            before = machine.state
            if number % 8 == 7:
                machine.receive_datagram(data, STRANGER, now)
                assert machine.state is before
                machine.handle_timeout(now + 10)
                continue
            if isinstance(machine, Sender):
                if machine.state in {SendingState.OFFERED, SendingState.SENDING} and machine.advance(data, now):
                    machine.prepare()
                    continue
                machine.receive_datagram(data, peer, now)
                assert machine.retransmissions < 500
            else:
                machine.receive_datagram(data, peer, now)
        self.shots += len(packets)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["fixed seed", "random seed"])
def test_generated_packets_break_neither_parser_nor_machines(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    seed = FIXED_SEED if kind == "fixed seed" else RANDOM_SEED
    with capsys.disabled():
        print(f"\nfuzz: {PACKETS // 2} packets of {kind} RINGFENCE_FUZZ_SEED={seed}", end=" ", flush=True)  # noqa: T201
    maker, target = PacketMaker(seed), Range()
    while target.shots < PACKETS // 2:
        packets = [maker.packet() for _ in range(40)]
        for data in packets:
            check_parsing(data)
        target.shoot(packets)


def test_the_same_seed_makes_the_same_packets_and_many_are_flawless() -> None:
    one, other = PacketMaker(7), PacketMaker(7)
    packets = [one.packet() for _ in range(2000)]
    assert packets == [other.packet() for _ in range(2000)]
    taken = 0
    for data in packets:
        try:
            from_bytes(data)
        except MalformedPacket:
            continue
        taken += 1
    assert 600 < taken < 1600
    assert {data[:2] for data in packets} >= {b"\0" + bytes((opcode,)) for opcode in range(8)}


@pytest.mark.slow
def test_a_hundred_thousand_packets_leave_nothing_in_memory() -> None:
    target = Range()

    def fire(seed: int, count: int) -> int:
        maker = PacketMaker(seed)
        for _ in range(count // 40):
            packets = [maker.packet() for _ in range(40)]
            for data in packets:
                check_parsing(data)
            target.shoot(packets)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        fire(1, 20_000)  # what is made once is made then
        before = fire(2, 4000)
        after = fire(3, 100_000)
    finally:
        tracemalloc.stop()
    assert after - before < 60_000  # less than a byte for each packet


class FiredAt:
    """An engine whose requests come straight from a generator; what it answers goes to ports where nobody is."""

    def __init__(self, limits: Limits, *, single_port: bool) -> None:
        self.events: list[WorkerEvent] = []
        self.listener = sockets.listen("127.0.0.1", 0)
        self.loop = Loop()
        self.admission = Admission(self.loop, site="Home", on_event=self.events.append, limits=limits)
        self.engine = Engine(self.loop, self.admission, limits=limits, single_port=single_port)
        self.admission.adopt(Catalogue(1, [offer("f", CONTENT), offer("SEP001122334455.cnf.xml", CONTENT)]))
        self.engine.listen(self.listener)

    def fire(self, maker: PacketMaker, count: int, hosts: list[str]) -> None:
        local = self.listener.getsockname()[0]
        now = 0.0
        for number in range(count):
            now += 0.001
            peer = (hosts[number % len(hosts)], 1024 + number * 7919 % 60_000)
            datagram = Datagram(maker.packet(), peer, (local, 0))
            if datagram.data[:2] in {b"\0\1", b"\0\2"}:
                self.engine._on_request(self.listener, datagram, 0.0)
            else:
                self.engine._on_other(datagram, now)
            if number % 64 == 0:
                self.loop.turn(0.0)
                self.events.clear()

    def close(self) -> None:
        self.engine.close()
        self.admission.adopt(NOTHING_OFFERED)
        self.loop.close()
        self.listener.close()


@pytest.mark.slow
@pytest.mark.parametrize("single_port", [False, True])
@pytest.mark.parametrize("limits", [Limits(), Limits(refusals_per_s=1e9, unproven_per_s=1e9, requests_per_s=1e9)])
def test_generated_requests_break_no_engine_and_stay_within_its_bounds(limits: Limits, single_port: bool) -> None:
    target = FiredAt(limits, single_port=single_port)
    try:
        hosts = [fresh_host() for _ in range(300)]
        target.fire(PacketMaker(FIXED_SEED), FEW, hosts)
        target.fire(PacketMaker(RANDOM_SEED), FEW, hosts)
        assert target.engine.session_count <= limits.sessions
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:  # and it still serves
            phone.bind(("127.0.0.77", 0))
            phone.sendto(b"\0\1f\0octet\0", target.listener.getsockname())
            target.loop.turn(1.0)
            phone.settimeout(60)
            assert phone.recv(600) == b"\0\3\0\1" + CONTENT[:512]
    finally:
        target.close()


@pytest.mark.slow
def test_requests_from_ever_new_sources_leave_nothing_in_memory_beyond_the_bounds() -> None:
    target = FiredAt(Limits(), single_port=True)
    hosts = [f"127.{index % 200 + 1}.{index // 200 % 250}.{index // 50_000 + 1}" for index in range(100_000)]

    def level(maker: PacketMaker, first: int, count: int) -> int:
        target.fire(maker, count, hosts[first : first + count])
        for transfer in list(target.engine._by_peer.values()):
            transfer.stop(None, "the test ends it")
        target.events.clear()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    maker = PacketMaker(FIXED_SEED)
    tracemalloc.start()
    try:
        before = level(maker, 0, 60_000)  # by now the tables of sources are full
        after = level(maker, 60_000, 40_000)
    finally:
        tracemalloc.stop()
        target.close()
    assert after - before < 500_000
