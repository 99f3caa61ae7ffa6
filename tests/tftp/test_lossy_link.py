"""Our client against our server over a link that loses, doubles and reorders: the right bytes or a clean failure."""

import heapq
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.tftp.effects import (
    Deliver,
    Effect,
    Failed,
    Finished,
    Send,
    SendBurst,
)
from ringfence.tftp.options import RequestedOptions, negotiate
from ringfence.tftp.packets import ReadRequest, from_bytes
from ringfence.tftp.receiving import Receiver
from ringfence.tftp.sending import Sender, SendingState

CLIENT = ("192.0.2.7", 50000)
SERVER = ("192.0.2.1", 69)
TRANSFER = ("192.0.2.1", 40000)
LONGEST_S = 10_000.0

FATES = st.lists(st.sampled_from(["pass"] * 6 + ["lose", "lose", "double", "late", "very late"]), max_size=120)
CLEAN = "pass"


@dataclass
class Link:
    """Two machines, the datagrams between them, and a clock that jumps from event to event."""

    content: bytes
    receiver: Receiver
    fates: list[str]
    mode: str
    rollover: int = 0
    now: float = 0.0
    sender: Sender | None = None
    serial: int = 0
    sent: int = 0
    delivered: bytearray = field(default_factory=bytearray)
    outcome: Finished | Failed | None = None
    queue: list[tuple[float, int, str, bytes]] = field(default_factory=list)

    def run(self) -> None:
        self.on_client(self.receiver.begin(0.0))
        while self.now < LONGEST_S and (self.queue or self.wakes()):
            due = min(self.wakes(), default=LONGEST_S)
            if self.queue and self.queue[0][0] <= due:
                at, _, to, data = heapq.heappop(self.queue)
                self.now = max(self.now, at)
                self.deliver(to, data)
                continue
            self.now = due
            self.on_client(self.receiver.handle_timeout(self.now))
            if self.sender is not None:
                self.on_server(self.sender.handle_timeout(self.now))

    def wakes(self) -> list[float]:
        receiver_at = self.receiver._wake_at if self.receiver.state.name != "OVER" else None
        sender = self.sender
        sender_at = sender.wake_at if sender is not None and sender.state is not SendingState.OVER else None
        return [max(at, self.now) for at in (receiver_at, sender_at) if at is not None]

    def deliver(self, to: str, data: bytes) -> None:
        if to == "client":
            self.on_client(self.receiver.receive_datagram(data, TRANSFER, self.now))
        elif self.sender is not None and not data.startswith(b"\0\1"):
            packet = self.sender.advance(data, self.now)
            if packet is not None:
                self.on_server((SendBurst(packet, self.sender.datagram_bytes),))
                self.sender.prepare()
            else:
                self.on_server(self.sender.receive_datagram(data, CLIENT, self.now))
        elif self.sender is None and data.startswith(b"\0\1"):
            request = from_bytes(data)
            assert isinstance(request, ReadRequest)
            terms = negotiate(request.options, mode=request.mode, size_bytes=len(self.content))
            self.sender = Sender(
                CLIENT,
                lambda offset, size: self.content[offset : offset + size],
                len(self.content),
                mode=self.mode,
                terms=terms,
                rollover=self.rollover,
            )
            self.on_server(self.sender.begin(self.now))

    def on_client(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            match effect:
                case Send(data):
                    self.post("server", data)
                case Deliver(data):
                    self.delivered += data
                case Finished() | Failed():
                    assert self.outcome is None
                    self.outcome = effect
                case _:
                    pass

    def on_server(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            match effect:
                case Send(data):
                    self.post("client", data)
                case SendBurst():
                    for data in effect.datagrams():
                        self.post("client", data)
                case _:
                    pass

    def post(self, to: str, data: bytes) -> None:
        self.sent += 1
        fate = self.fates.pop(0) if self.fates else CLEAN
        delays = {"pass": [0.01], "lose": [], "double": [0.01, 0.03], "late": [0.6], "very late": [4.0]}[fate]
        for delay in delays:
            self.serial += 1
            heapq.heappush(self.queue, (self.now + delay, self.serial, to, data))


OPTIONS = st.builds(
    RequestedOptions,
    block_size=st.sampled_from([None, 8, 100, 1428]),
    transfer_size=st.booleans(),
    timeout_s=st.sampled_from([None, 1]),
    window_size=st.sampled_from([None, 1, 2, 5, 64]),
)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 3000), OPTIONS, FATES)
def test_any_loss_doubling_and_reordering_ends_in_the_right_bytes_or_a_clean_failure(
    length: int, options: RequestedOptions, fates: list[str]
) -> None:
    content = bytes(index * 31 % 253 for index in range(length))
    link = Link(content, Receiver(SERVER, "f", options=options), list(fates), "octet")
    hardships = len(fates)
    link.run()
    assert link.outcome is not None
    if isinstance(link.outcome, Finished):
        assert bytes(link.delivered) == content
    else:
        assert "lose" in fates or "late" in fates or "very late" in fates
    blocks = length // (options.block_size or 512) + 2
    window = min(options.window_size or 1, blocks)
    assert link.sent <= 2 * blocks + (3 * hardships + 20) * window
    assert link.now < LONGEST_S


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 3000), OPTIONS, st.integers(0, 60))
def test_one_loss_anywhere_is_always_mended(length: int, options: RequestedOptions, at: int) -> None:
    content = bytes(index % 256 for index in range(length))
    link = Link(content, Receiver(SERVER, "f", options=options), [CLEAN] * at + ["lose"], "octet")
    link.run()
    assert link.outcome == Finished(length, link.receiver._retransmissions)
    assert bytes(link.delivered) == content


@pytest.mark.slow
@settings(max_examples=4, deadline=None)
@given(st.sampled_from([0, 1]), st.sampled_from([None, 16, 64]), st.sampled_from(["lose", "double", "late"]))
def test_the_block_number_rolls_over_within_a_window_too(rollover: int, window: int | None, fate: str) -> None:
    content = bytes(index % 251 for index in range(8 * 65_600))
    options = RequestedOptions(block_size=8, window_size=window)
    receiver = Receiver(SERVER, "f", options=options, rollover=rollover)
    link = Link(content, receiver, ([CLEAN] * 5000 + [fate]) * 26, "octet", rollover)
    link.run()
    assert isinstance(link.outcome, Finished)
    assert bytes(link.delivered) == content
