"""The machine that sends a file: the server's half of a read request (RFC 1350, 1123, 2347, 7440).

States and inputs; what isn't named changes nothing and is answered by nothing::

    state      begin            ACK of the last  ACK within     ACK before     ERROR   timeout,    timeout,
                                block in flight  the window     the window             tries left  none left
    ---------  ---------------  ---------------  -------------  -------------  ------  ----------  ---------
    NEW        OACK → OFFERED   —                —              —              —       —           —
               else the first
               block → SENDING
    OFFERED    —                ACK 0: first     —              —              → OVER  OACK again  → OVER
                                window: SENDING
    SENDING    —                next window      window from    window again,  → OVER  window      → OVER
                                none left: OVER  there on       once a timeout         again
    OVER       —                —                —              —              —       —           —

A window is one block unless RFC 7440's option says more; then nothing lies within it, and an ACK before it is ignored.

Invariants:

- A duplicate ACK never sends anything in lock-step (RFC 1123 section 4.2.3.1, the Sorcerer's Apprentice): only the
  awaited ACK moves the file on, and only the timer repeats. With windows an ACK of the block before the window may
  report a gap (RFC 7440 section 4): it repeats the window, but only once in the time of a timeout, or one doubled
  datagram would double every window that follows.
- An ERROR is never answered, and a transfer that gives up after its timeouts ends without an ERROR.
- A peer that has not answered yet gets one datagram, repeated ``unproven_retries`` times: its address may be forged.
- The block number goes 65535 → ``rollover``.
- Datagrams of another transfer identifier change nothing and get ERROR 5 (RFC 1350 section 4).
"""

from collections.abc import Callable
from enum import Enum, auto

from ringfence.tftp.blocks import NetasciiBlocks, OctetBlocks, Read
from ringfence.tftp.effects import (
    Address,
    Effect,
    Effects,
    Failed,
    FailureReason,
    Finished,
    Send,
    SendBurst,
    WakeAt,
)
from ringfence.tftp.errors import MalformedPacket, ReadFailed
from ringfence.tftp.frames import ACK_HEAD, DATA_HEAD, Frames
from ringfence.tftp.options import PLAIN_TERMS, Terms
from ringfence.tftp.packets import (
    HEADER_BYTES,
    HIGHEST_BLOCK,
    READ_FAILED,
    UNKNOWN_TID,
    ErrorPacket,
    OptionAcknowledgement,
    from_bytes,
    to_bytes,
)
from ringfence.tftp.retransmission import DEFAULT_POLICY, RetransmissionPolicy, RetransmissionTimer

_NETASCII_BLOCKS_AHEAD = 8
_UNKNOWN_TID = to_bytes(UNKNOWN_TID)
_READ_FAILED = to_bytes(READ_FAILED)


class SendingState(Enum):
    """See the table at the module's head."""

    NEW = auto()
    OFFERED = auto()
    SENDING = auto()
    OVER = auto()


class Sender:
    """One file on its way to one peer.

    ``peer`` is the only address whose datagrams count. ``read(offset, size)`` gives the stored file's octets,
    ``length`` is how many there are. ``jitter`` is a random number from 0 to 1. ``rollover`` follows block 65535.
    ``frames`` are the file's, with the same block size and ``rollover``, where others fetch it too.

    What is sent between two ACKs is a flight: the datagrams of a window one after the other in one ``bytes``, all of
    ``datagram_bytes`` but the file's last one, which is shorter and so says that it is. Flights are prepared ahead, a
    few at a time.
    """

    __slots__ = (
        "_acknowledgements",
        "_advance_on",
        "_flight",
        "_flights",
        "_frames",
        "_gap_heard_from",
        "_index",
        "_is_taken",
        "_last",
        "_length",
        "_looks_first",
        "_peer",
        "_policy",
        "_rollover",
        "_sent_at",
        "_stretch",
        "_take",
        "_terms",
        "_timeout_s",
        "_timer",
        "_tries",
        "datagram_bytes",
        "is_proven",
        "retransmissions",
        "state",
    )

    def __init__(
        self,
        peer: Address,
        read: Read,
        length: int,
        *,
        mode: str = "octet",
        terms: Terms = PLAIN_TERMS,
        policy: RetransmissionPolicy = DEFAULT_POLICY,
        jitter: float = 0.0,
        rollover: int = 0,
        frames: Frames | None = None,
    ) -> None:
        self._peer = peer
        self._length = length
        self._terms = terms
        self._policy = policy
        self._rollover = rollover
        self.datagram_bytes = HEADER_BYTES + terms.block_size
        self._frames: Frames | None = None
        self._take: Callable[[int], list[bytes]] = _nothing
        if mode == "netascii":
            self._take = NetasciiBlocks(read, length, terms.block_size).take
        elif terms.window_size > 1:
            self._take = OctetBlocks(read, length, terms.block_size).take
        else:
            self._frames = frames or Frames(read, length, terms.block_size, rollover)
        self._timer = RetransmissionTimer(policy, jitter=jitter, fixed_timeout_s=terms.timeout_s)
        self._timeout_s = self._timer.timeout_s
        self._flight = b""
        self._flights: list[bytes] = []
        self._acknowledgements: list[bytes | None] = []  # what each flight advances on: None for the file's last one
        self._index = 0  # of the next flight in these two
        self._stretch = 0  # the next one of ``_frames``
        self._last = 0  # the number of the last block in ``_flights``
        self._is_taken = False  # whether that is the file's last block
        self._advance_on: bytes | None = None
        self._looks_first = True  # whether the next awaited ACK is looked at more closely
        self._tries = 0
        self._gap_heard_from = 0.0  # before this time no report of a gap repeats anything
        self._sent_at = float("inf")
        self.is_proven = False
        """Whether the peer has answered: its address is not forged."""
        self.retransmissions = 0
        self.state = SendingState.NEW

    @property
    def wake_at(self) -> float:
        """When ``handle_timeout`` is due; always what the last WakeAt said."""
        return self._sent_at + self._timeout_s

    @property
    def is_stalled(self) -> bool:
        """Whether the flight had to be repeated: the peer may be gone, or have started again."""
        return self._tries > 0

    @property
    def block(self) -> int:
        """The number of the last DATA in flight; 0 while the OACK is."""
        if self.state is SendingState.OFFERED:
            return 0
        at = (self._flight_count - 1) * self.datagram_bytes + 2
        return int.from_bytes(self._flight[at : at + 2], "big")

    def begin(self, now: float) -> Effects:
        """Send the first datagram: the OACK where options were granted, otherwise DATA 1. Once."""
        if self.state is not SendingState.NEW:
            return ()
        if self._terms.acknowledged:
            self.state = SendingState.OFFERED
            self._flight = to_bytes(OptionAcknowledgement(self._terms.acknowledged))
            self._advance_on = ACK_HEAD + b"\0\0"
            return self._set_out(now), WakeAt(self.wake_at)
        self.state = SendingState.SENDING
        if not self._make_flights():
            return self._fail_to_read()
        self._flight, self._advance_on, self._index = self._flights[0], self._acknowledgements[0], 1
        return self._set_out(now), WakeAt(self.wake_at)

    def advance(self, datagram: bytes, now: float) -> bytes | None:
        """Take the awaited ACK and give the next flight; None, and nothing changed, for any other datagram.

        The one path that is worth its own entrance: every block of every transfer goes this way. The datagram must be
        from the peer. The caller sends the flight as datagrams of ``datagram_bytes``, keeps to ``wake_at``, and hands
        what gave None to ``receive_datagram``.
        """
        if datagram != self._advance_on:
            return None
        index = self._index
        if index == len(self._flights):
            if not self._make_flights():
                return None
            index = 0
        if self._looks_first:
            self._look(now)
        self._index = index + 1
        self._flight = flight = self._flights[index]
        self._advance_on = self._acknowledgements[index]
        self._sent_at = now
        return flight

    def prepare(self) -> None:
        """Prepare the next flight while the peer is busy with this one; a failure is reported when it is due."""
        if self._index == len(self._flights) and self._advance_on is not None:
            self._make_flights()

    def receive_datagram(self, data: bytes, addr: Address, now: float) -> Effects:
        """Take a datagram from ``addr``; the effects are in the order in which they should happen."""
        if not self._is_under_way:
            return ()
        if addr != self._peer:
            return (Send(_UNKNOWN_TID, to=addr),) if not data.startswith(b"\0\x05") else ()
        if data.startswith(ACK_HEAD) and len(data) >= HEADER_BYTES:  # the commonest, without the parser's detour
            return self._on_acknowledgement(int.from_bytes(data[2:4], "big"), now)
        try:
            packet = from_bytes(data)
        except MalformedPacket:
            return ()
        match packet:
            case ErrorPacket():
                return self._fail(Failed(FailureReason.PEER_ERROR, packet.code, packet.message))
            case _:
                return ()

    def handle_timeout(self, now: float) -> Effects:
        """Repeat what is in flight, or give up; before ``wake_at`` nothing happens."""
        if not self._is_under_way:
            return ()
        if now < self.wake_at:
            return (WakeAt(self.wake_at),)
        if self._tries >= (self._policy.retries if self.is_proven else self._policy.unproven_retries):
            silence = FailureReason.WENT_SILENT if self.is_proven else FailureReason.NO_ANSWER
            return self._fail(Failed(silence))
        self._timer.on_timeout()
        self._timeout_s = self._timer.timeout_s
        return self._repeat(now)

    def _look(self, now: float) -> None:
        """Note what an awaited ACK proves and measures: now and then is enough, and the first ones after trouble."""
        self.is_proven = True
        self.state = SendingState.SENDING
        if self._tries:
            self._tries = 0  # it may answer either copy: it measures nothing (Karn), the next one does
            return
        self._looks_first = False
        self._timer.on_round_trip(now - self._sent_at)
        self._timeout_s = self._timer.timeout_s

    def _on_acknowledgement(self, number: int, now: float) -> Effects:
        last = self.block
        if number == last:
            self.is_proven = True
            if self._advance_on is None:
                self.state = SendingState.OVER
                return (Finished(self._length, self.retransmissions),)
            if self.advance(self._advance_on, now) is None:
                return self._fail_to_read()
            return self._in_flight(), WakeAt(self.wake_at)
        if self.state is SendingState.OFFERED or self._terms.window_size == 1:
            return ()
        return self._on_gap(number, last, now)

    def _on_gap(self, number: int, last: int, now: float) -> Effects:
        """Go on behind ``number`` if it lies in the window, or just before it (RFC 7440 section 4)."""
        if number or not self._rollover:
            behind = (last - number) % (HIGHEST_BLOCK + 1 - self._rollover)
        else:  # no block has the number 0: it can only be the ACK before the first window
            behind = self._flight_count if self._flight.startswith(DATA_HEAD + b"\0\1") else HIGHEST_BLOCK
        if behind < self._flight_count:
            return self._go_on_within(self._flight_count - behind, now)
        if behind > self._flight_count or now < self._gap_heard_from:
            return ()
        return self._repeat(now)

    def _go_on_within(self, received: int, now: float) -> Effects:
        """Begin a window behind the first ``received`` blocks in flight, which have come."""
        repeated = self._flight_count - received
        ahead = b"".join((self._flight[received * self.datagram_bytes :], *self._flights[self._index :]))
        if not self._make_flights(ahead):
            return self._fail_to_read()
        self._flight, self._advance_on, self._index = self._flights[0], self._acknowledgements[0], 1
        self.is_proven = True
        self.retransmissions += repeated
        self._tries, self._looks_first = 1, True  # an answer to what is repeated measures nothing (Karn)
        return self._set_out(now), WakeAt(self.wake_at)

    def _make_flights(self, ahead: bytes = b"") -> bool:
        """Make the next flights of ``ahead``, which are datagrams, and of the file; False if it can't be read."""
        self._looks_first = True
        if self._frames is not None:
            try:
                self._flights, self._acknowledgements = self._frames.stretch(self._stretch)
            except ReadFailed:
                return False
            self._stretch, self._index = self._stretch + 1, 0
            return True
        window_size, size = self._terms.window_size, self.datagram_bytes
        wanted = _NETASCII_BLOCKS_AHEAD
        if window_size > 1:  # whole windows, or the peer would wait for the rest of one
            wanted = window_size - -(-len(ahead) // size) % window_size
        datagrams: list[bytes] = []
        if not self._is_taken:
            try:
                payloads = self._take(wanted)
            except ReadFailed:
                return False
            self._is_taken = len(payloads[-1]) + HEADER_BYTES < size
            for payload in payloads:
                self._last = number = self._last + 1 if self._last < HIGHEST_BLOCK else self._rollover
                datagrams.append(DATA_HEAD + number.to_bytes(2, "big") + payload)
        if window_size == 1:
            self._flights = datagrams
        else:
            data, window_bytes = b"".join((ahead, *datagrams)), window_size * size
            self._flights = [data[start : start + window_bytes] for start in range(0, len(data), window_bytes)]
        self._acknowledgements = [ACK_HEAD + self._last_number(flight) for flight in self._flights]
        if self._is_taken:
            self._acknowledgements[-1] = None
        self._index = 0
        return True

    def _last_number(self, flight: bytes) -> bytes:
        at = (len(flight) - 1) // self.datagram_bytes * self.datagram_bytes + 2
        return flight[at : at + 2]

    @property
    def _is_under_way(self) -> bool:
        return self.state is SendingState.SENDING or self.state is SendingState.OFFERED

    @property
    def _flight_count(self) -> int:
        if self.state is SendingState.OFFERED:
            return 1
        return -(-len(self._flight) // self.datagram_bytes)

    def _repeat(self, now: float) -> Effects:
        self._tries += 1
        self._looks_first = True
        self._gap_heard_from = now + self._timeout_s
        self.retransmissions += self._flight_count
        return self._set_out(now), WakeAt(self.wake_at)

    def _set_out(self, now: float) -> Effect:
        self._sent_at = now
        return self._in_flight()

    def _in_flight(self) -> Effect:
        if self.state is SendingState.SENDING and self._terms.window_size > 1:
            return SendBurst(self._flight, self.datagram_bytes)
        return Send(self._flight)

    def _fail_to_read(self) -> Effects:
        return Send(_READ_FAILED), *self._fail(Failed(FailureReason.READ_FAILED))

    def _fail(self, failed: Failed) -> Effects:
        self.state = SendingState.OVER
        self._advance_on = None
        return (failed,)


def _nothing(_count: int) -> list[bytes]:
    return []
