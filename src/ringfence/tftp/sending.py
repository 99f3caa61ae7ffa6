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

The laws:

- A duplicate ACK never sends anything in lock-step (RFC 1123 section 4.2.3.1, the Sorcerer's Apprentice): only the
  awaited ACK moves the file on, and only the timer repeats. With windows an ACK of the block before the window may
  report a gap (RFC 7440 section 4): it repeats the window once, then not before a timeout or progress.
- An ERROR is never answered, and no timeout is: nothing that a peer does not say makes us talk.
- A peer that has not answered yet gets one datagram, repeated ``unproven_retries`` times: its address may be forged.
- The block number goes 65535 → ``rollover``.
- Datagrams of another transfer identifier change nothing and get ERROR 5 (RFC 1350 section 4).
"""

from enum import Enum, auto

from ringfence.tftp.blocks import Blocks, NetasciiBlocks, OctetBlocks, Read
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
from ringfence.tftp.options import PLAIN_TERMS, Terms
from ringfence.tftp.packets import (
    HEADER_BYTES,
    HIGHEST_BLOCK,
    READ_FAILED,
    UNKNOWN_TID,
    Acknowledgement,
    ErrorPacket,
    OptionAcknowledgement,
    from_bytes,
    to_bytes,
)
from ringfence.tftp.retransmission import DEFAULT_POLICY, RetransmissionPolicy, RetransmissionTimer

_DATA = b"\0\x03"
_ACK = b"\0\x04"
_MEASURED_MASK = 7
"""Every eighth round trip is measured, beginning with the first: as good as each, and cheaper."""
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

    What is in flight, and what will be next, are datagrams one after the other in one ``bytes``: all are of
    ``datagram_bytes`` but the file's last one, which is shorter and so says that it is.
    """

    __slots__ = (
        "_advance_on",
        "_awaited",
        "_block_size",
        "_flight",
        "_flight_count",
        "_is_taken",
        "_last",
        "_length",
        "_measured",
        "_next",
        "_next_count",
        "_peer",
        "_policy",
        "_repeated_on_gap",
        "_rollover",
        "_sent_at",
        "_take",
        "_terms",
        "_timer",
        "_tries",
        "_window_size",
        "datagram_bytes",
        "is_proven",
        "retransmissions",
        "state",
        "wake_at",
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
    ) -> None:
        self._peer = peer
        self._length = length
        self._terms = terms
        self._policy = policy
        self._block_size = terms.block_size
        self._window_size = terms.window_size
        self._rollover = rollover
        self.datagram_bytes = HEADER_BYTES + terms.block_size
        blocks: Blocks = (NetasciiBlocks if mode == "netascii" else OctetBlocks)(read, length, terms.block_size)
        self._take = blocks.take
        self._timer = RetransmissionTimer(policy, jitter=jitter, fixed_timeout_s=terms.timeout_s)
        self._flight = b""
        self._flight_count = 0
        self._next = b""
        self._next_count = 0
        self._last = 0  # the number of the last block in ``_flight`` and ``_next`` together
        self._is_taken = False  # whether that is the file's last block
        self._awaited = b""
        self._advance_on: bytes | None = None  # the awaited ACK where more follows, else None
        self._measured = 0
        self._tries = 0
        self._repeated_on_gap = False
        self._sent_at = 0.0
        self.wake_at = float("inf")
        """When ``handle_timeout`` is due; always what the last WakeAt said."""
        self.is_proven = False
        """Whether the peer has answered: its address is not forged."""
        self.retransmissions = 0
        self.state = SendingState.NEW

    @property
    def is_stalled(self) -> bool:
        """Whether what is in flight had to be repeated: the peer may be gone, or have begun anew."""
        return self._tries > 0

    @property
    def block(self) -> int:
        """The number of the last DATA in flight; 0 while the OACK is."""
        return int.from_bytes(self._awaited[2:], "big")

    def begin(self, now: float) -> Effects:
        """Send the first datagram: the OACK where options were granted, else DATA 1. Once."""
        if self.state is not SendingState.NEW:
            return ()
        if self._terms.acknowledged:
            self.state = SendingState.OFFERED
            self._flight = to_bytes(OptionAcknowledgement(self._terms.acknowledged))
            self._awaited = self._advance_on = _ACK + b"\0\0"
            return self._set_out(now), WakeAt(self.wake_at)
        self.state = SendingState.SENDING
        if not self._fill():
            return self._fail_to_read()
        self._flight, self._flight_count, self._next_count = self._next, self._next_count, 0
        self._awaited = _ACK + b"\0\1"
        self._advance_on = None if self._is_taken else self._awaited
        return self._set_out(now), WakeAt(self.wake_at)

    def advance(self, datagram: bytes, now: float) -> bytes | None:
        """Take the awaited ACK and give the next DATA packets; None, and nothing changed, for any other datagram.

        The one path that is worth its own entrance: every block of every transfer goes this way. The datagram must be
        from the peer. The caller sends what it gets as datagrams of ``datagram_bytes``, then calls ``prepare``, keeps
        to ``wake_at``, and hands what gave None to ``receive_datagram``.
        """
        if datagram != self._advance_on or (self._next_count < self._window_size and not self._fill()):
            return None
        if self._tries:
            self._tries = 0
            self._measured = 0
        else:
            if not self._measured & _MEASURED_MASK:
                self._timer.on_round_trip(now - self._sent_at)
            self._measured += 1
        if not self.is_proven or self.state is not SendingState.SENDING:
            self.is_proven = True
            self.state = SendingState.SENDING
        self._flight = flight = self._next
        self._flight_count = self._next_count
        self._next_count = 0
        self._awaited = awaited = _ACK + self._last.to_bytes(2, "big")
        self._advance_on = None if self._is_taken else awaited
        self._repeated_on_gap = False
        self._sent_at = now
        self.wake_at = now + self._timer.timeout_s
        return flight

    def prepare(self) -> None:
        """Read what will be sent next, while the peer is busy with what it has; if it fails, that is told in time."""
        if self._advance_on is not None:
            self._fill()

    def receive_datagram(self, data: bytes, addr: Address, now: float) -> Effects:
        """Take a datagram from ``addr``; the effects are in the order in which they should happen."""
        if self.state in {SendingState.NEW, SendingState.OVER}:
            return ()
        if addr != self._peer:
            return (Send(_UNKNOWN_TID, to=addr),) if not data.startswith(b"\0\x05") else ()
        try:
            packet = from_bytes(data)
        except MalformedPacket:
            return ()
        match packet:
            case Acknowledgement():
                return self._on_acknowledgement(data[:HEADER_BYTES], packet.block, now)
            case ErrorPacket(code, message):
                return self._fail(Failed(FailureReason.PEER_ERROR, code, message))
            case _:
                return ()

    def handle_timeout(self, now: float) -> Effects:
        """Repeat what is in flight, or give up; before ``wake_at`` nothing happens."""
        if self.state in {SendingState.NEW, SendingState.OVER}:
            return ()
        if now < self.wake_at:
            return (WakeAt(self.wake_at),)
        if self._tries >= (self._policy.retries if self.is_proven else self._policy.unproven_retries):
            silence = FailureReason.WENT_SILENT if self.is_proven else FailureReason.NO_ANSWER
            return self._fail(Failed(silence))
        self._timer.on_timeout()
        self._repeated_on_gap = False
        return self._repeat(now)

    def _on_acknowledgement(self, head: bytes, number: int, now: float) -> Effects:
        if head == self._awaited:
            self.is_proven = True
            if self._advance_on is None:
                self.state = SendingState.OVER
                return (Finished(self._length, self.retransmissions),)
            if self.advance(head, now) is None:
                return self._fail_to_read()
            return self._in_flight(), WakeAt(self.wake_at)
        if self.state is SendingState.OFFERED or self._window_size == 1:
            return ()
        behind = self._distance(number)
        if behind is None or behind > self._flight_count:
            return ()  # of a window long ago, or of one to come
        if behind == self._flight_count:  # the block before the window: a duplicate, or a gap at its beginning
            if self._repeated_on_gap:
                return ()
            self._repeated_on_gap = True
            return self._repeat(now)
        return self._go_on_within(self._flight_count - behind, now)

    def _distance(self, number: int) -> int | None:
        """Return how many blocks ``number`` is behind the last one in flight, or None where it can't be."""
        if number == 0 and self._rollover:  # no block has it: only ACK 0, which came before the first window
            return self._flight_count if self._flight.startswith(_DATA + b"\0\1") else None
        return (self.block - number) % (HIGHEST_BLOCK + 1 - self._rollover)

    def _go_on_within(self, received: int, now: float) -> Effects:
        """The first ``received`` blocks in flight have come: go on from there (RFC 7440 section 4)."""
        if self._next_count < self._window_size and not self._fill():
            return self._fail_to_read()
        unreceived_count = self._flight_count - received
        pending = self._flight[received * self.datagram_bytes :]
        if self._next_count:
            pending += self._next
        pending_count = unreceived_count + self._next_count
        window_bytes = self._window_size * self.datagram_bytes
        self._flight, self._next = pending[:window_bytes], pending[window_bytes:]
        self._flight_count = min(pending_count, self._window_size)
        self._next_count = pending_count - self._flight_count
        last = self.block
        for _ in range(self._flight_count - unreceived_count):
            last = self._after(last)
        self._awaited = _ACK + last.to_bytes(2, "big")
        self._advance_on = self._awaited if self._next_count or not self._is_taken else None
        self.retransmissions += unreceived_count
        self._tries = 1  # an answer to what was repeated measures nothing (Karn)
        self._repeated_on_gap = False
        return self._set_out(now), WakeAt(self.wake_at)

    def _after(self, number: int) -> int:
        return number + 1 if number < HIGHEST_BLOCK else self._rollover

    def _fill(self) -> bool:
        """Bring what is next to a whole window, or to the file's end; False where the file can't be read."""
        ahead = [self._next] if self._next_count else []
        while self._next_count < self._window_size and not self._is_taken:
            try:
                payload = self._take()
            except ReadFailed:
                self._next = b"".join(ahead)
                return False
            number = self._last
            self._last = number = number + 1 if number < HIGHEST_BLOCK else self._rollover
            ahead.append(_DATA + number.to_bytes(2, "big") + payload)
            self._next_count += 1
            self._is_taken = len(payload) < self._block_size
        self._next = ahead[0] if len(ahead) == 1 else b"".join(ahead)
        return True

    def _repeat(self, now: float) -> Effects:
        self._tries += 1
        self.retransmissions += max(self._flight_count, 1)
        return self._set_out(now), WakeAt(self.wake_at)

    def _set_out(self, now: float) -> Effect:
        self._sent_at = now
        self.wake_at = now + self._timer.timeout_s
        return self._in_flight()

    def _in_flight(self) -> Effect:
        if self._flight_count > 1:
            return SendBurst(self._flight, self.datagram_bytes)
        return Send(self._flight)

    def _fail_to_read(self) -> Effects:
        return Send(_READ_FAILED), *self._fail(Failed(FailureReason.READ_FAILED))

    def _fail(self, failed: Failed) -> Effects:
        self.state = SendingState.OVER
        self._advance_on = None
        return (failed,)
