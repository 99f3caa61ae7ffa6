"""The machine that fetches a file: the client's half of a read request (RFC 1350, 1123, 2347, 7440).

States and inputs; what isn't named changes nothing and is answered by nothing::

    state      DATA awaited         DATA again  OACK                   ERROR   timeout, tries left  none left
    ---------  -------------------  ----------  ---------------------  ------  -------------------  ---------
    ASKING     ACK 1 → RECEIVING    —           ACK 0 → RECEIVING      → OVER  RRQ again            → OVER
               short one: DALLYING              bad one: ERROR 8, OVER
    RECEIVING  ACK n → RECEIVING    ACK again   before DATA 1: ACK 0   → OVER  ACK again            → OVER
               short one: DALLYING
    DALLYING   —                    ACK again   —                      → OVER  → OVER               → OVER
    OVER       —                    —           —                      —       —                    —

Invariants:

- The first answer from the asked host binds the transfer to the port that it came from (RFC 1350 section 4);
  every other sender gets ERROR 5 and changes nothing.
- Finished comes with the last byte; DALLYING after it only repeats the last ACK for a sender that missed it
  (RFC 1350 section 6).
- With windows (RFC 7440) an ACK goes out for the last block of each window, for the file's last one, and once for a
  gap: then it names the last block that came in order, and the sender goes on from there.
- An OACK may only contain requested options (RFC 2347); otherwise the transfer ends with ERROR 8.
"""

from enum import Enum, auto

from ringfence.tftp.effects import (
    Address,
    Deliver,
    Effects,
    Failed,
    FailureReason,
    Finished,
    Send,
    WakeAt,
)
from ringfence.tftp.errors import MalformedPacket
from ringfence.tftp.options import (
    NO_OPTIONS,
    PLAIN_TERMS,
    RequestedOptions,
    Terms,
    accept,
)
from ringfence.tftp.packets import (
    HIGHEST_BLOCK,
    ILLEGAL_OPERATION,
    OPTION_REFUSED,
    TOO_LONG,
    UNKNOWN_TID,
    Acknowledgement,
    Data,
    ErrorPacket,
    OptionAcknowledgement,
    Packet,
    ReadRequest,
    from_bytes,
    to_bytes,
)
from ringfence.tftp.retransmission import DEFAULT_POLICY, RetransmissionPolicy, RetransmissionTimer

_UNKNOWN_TID = to_bytes(UNKNOWN_TID)


class ReceivingState(Enum):
    """See the table at the module's head."""

    ASKING = auto()
    RECEIVING = auto()
    DALLYING = auto()
    OVER = auto()


class Receiver:
    """One file on its way from a server.

    ``server`` is the address that the request goes to; its answers come from another port of the same host: of a
    tuple the first item. ``longest_bytes`` is what we take at most, ``jitter`` a random number from 0 to 1.
    """

    def __init__(
        self,
        server: Address,
        name: str,
        *,
        mode: str = "octet",
        options: RequestedOptions = NO_OPTIONS,
        policy: RetransmissionPolicy = DEFAULT_POLICY,
        longest_bytes: int = 1 << 30,
        dally_s: float = 3.0,
        jitter: float = 0.0,
        rollover: int = 0,
    ) -> None:
        self._server = server
        self._options = options
        self._policy = policy
        self._longest_bytes = longest_bytes
        self._dally_s = dally_s
        self._jitter = jitter
        self._timer = RetransmissionTimer(policy, jitter=jitter, fixed_timeout_s=options.timeout_s)
        self._packet = to_bytes(ReadRequest(name, mode, options.to_pairs()))
        self._peer: Address | None = None
        self._last = 0
        self._rollover = rollover
        self._in_window = 0  # blocks since the last ACK
        self._told_gap = False
        self._tries = 0
        self._sent_at = 0.0
        self._wake_at = float("inf")
        self._received_bytes = 0
        self._retransmissions = 0
        self.terms: Terms = PLAIN_TERMS
        """What the server granted; plain until an OACK says more."""
        self.state = ReceivingState.ASKING

    def begin(self, now: float) -> Effects:
        """Send the request. Once."""
        return self._send(self._packet, now)

    def receive_datagram(self, data: bytes, addr: Address, now: float) -> Effects:
        """Take a datagram from ``addr``; the effects are in the order in which they should happen."""
        if self.state is ReceivingState.OVER:
            return ()
        if not self._is_from_peer(addr):
            return (Send(_UNKNOWN_TID, to=addr),) if not data.startswith(b"\0\x05") else ()
        try:
            packet = from_bytes(data)
        except MalformedPacket:
            return ()
        return self._on_packet(packet, addr, now)

    def _on_packet(self, packet: Packet, addr: Address, now: float) -> Effects:
        match packet:
            case Data():
                return self._on_data(packet, addr, now)
            case OptionAcknowledgement():
                return self._on_option_acknowledgement(packet, addr, now)
            case ErrorPacket():
                if self.state is ReceivingState.DALLYING:
                    self.state = ReceivingState.OVER
                    return ()
                return self._fail(Failed(FailureReason.PEER_ERROR, packet.code, packet.message))
            case _:
                return ()

    def handle_timeout(self, now: float) -> Effects:
        """Repeat what is in flight, or give up; before the time that WakeAt named nothing happens."""
        if self.state is ReceivingState.OVER:
            return ()
        if now < self._wake_at:
            return (WakeAt(self._wake_at),)
        if self.state is ReceivingState.DALLYING:
            self.state = ReceivingState.OVER
            return ()
        if self._tries >= self._policy.retries:
            asking = self.state is ReceivingState.ASKING
            return self._fail(Failed(FailureReason.NO_ANSWER if asking else FailureReason.WENT_SILENT))
        self._tries += 1
        self._retransmissions += 1
        self._in_window = 0
        self._told_gap = False
        self._timer.on_timeout()
        return self._again(now)

    def _is_from_peer(self, addr: Address) -> bool:
        if self._peer is None:
            return _host_of(addr) == _host_of(self._server)
        return addr == self._peer

    def _on_data(self, packet: Data, addr: Address, now: float) -> Effects:
        if packet.block == self._last and self._peer is not None and self._last_was_data:
            if self._in_window:
                return ()  # a copy from within a window; its ACK is yet to come
            return (Send(self._packet, to=self._peer),)  # our ACK was lost
        if self.state is ReceivingState.DALLYING:
            return ()
        if packet.block != self._after(self._last):
            return self._on_gap(packet, now)
        self._peer = addr
        if len(packet.payload) > self.terms.block_size:
            return self._refuse(ILLEGAL_OPERATION, FailureReason.BAD_PACKET)
        self._received_bytes += len(packet.payload)
        if self._received_bytes > self._longest_bytes:
            return self._refuse(TOO_LONG, FailureReason.TOO_LONG)
        self._note_round_trip(now)
        self._last = packet.block
        self._packet = to_bytes(Acknowledgement(packet.block))
        self._told_gap = False
        self.state = ReceivingState.RECEIVING
        delivered = Deliver(packet.payload)
        if len(packet.payload) == self.terms.block_size:
            self._in_window += 1
            if self._in_window < self.terms.window_size:
                self._wake_at = now + self._timer.timeout_s
                return delivered, WakeAt(self._wake_at)
            self._in_window = 0
            return delivered, *self._send(self._packet, now)
        self.state = ReceivingState.DALLYING
        self._in_window = 0
        self._wake_at = now + self._dally_s
        finished = Finished(self._received_bytes, self._retransmissions)
        return delivered, Send(self._packet, to=self._peer), finished, WakeAt(self._wake_at)

    def _on_gap(self, packet: Data, now: float) -> Effects:
        """Say once which block came last, where a block of the same window came too early (RFC 7440 section 4)."""
        numbers = HIGHEST_BLOCK + 1 - self._rollover
        ahead = (packet.block - self._last) % numbers
        in_window = self.state is ReceivingState.RECEIVING and 0 < ahead <= self.terms.window_size - self._in_window
        if packet.block < self._rollover:
            in_window = False  # no block has that number
        if self._told_gap or not in_window:
            return ()
        self._told_gap = True
        self._in_window = 0
        self._retransmissions += 1
        return self._again(now)

    def _after(self, number: int) -> int:
        return number + 1 if number < HIGHEST_BLOCK else self._rollover

    @property
    def _last_was_data(self) -> bool:
        """Whether the block ``_last`` has come; 0 is also where the count begins."""
        return self._received_bytes > 0 or self.state is ReceivingState.DALLYING

    def _on_option_acknowledgement(self, packet: OptionAcknowledgement, addr: Address, now: float) -> Effects:
        if self.state is ReceivingState.RECEIVING and not self._last_was_data:
            return (Send(self._packet, to=self._peer),)  # our ACK 0 was lost
        if self.state is not ReceivingState.ASKING:
            return ()
        self._peer = addr
        terms = accept(packet.options, self._options)
        if terms is None:
            return self._refuse(OPTION_REFUSED, FailureReason.BAD_OPTIONS)
        if terms.transfer_size is not None and terms.transfer_size > self._longest_bytes:
            return self._refuse(TOO_LONG, FailureReason.TOO_LONG)
        self.terms = terms
        self._note_round_trip(now)
        self._packet = to_bytes(Acknowledgement(0))
        self.state = ReceivingState.RECEIVING
        return self._send(self._packet, now)

    def _note_round_trip(self, now: float) -> None:
        if self._tries:
            self._tries = 0
        else:
            self._timer.on_round_trip(now - self._sent_at)

    def _send(self, data: bytes, now: float) -> Effects:
        self._packet = data
        return self._again(now)

    def _again(self, now: float) -> Effects:
        self._sent_at = now
        self._wake_at = now + self._timer.timeout_s
        return Send(self._packet, to=self._peer or self._server), WakeAt(self._wake_at)

    def _refuse(self, answer: ErrorPacket, reason: FailureReason) -> Effects:
        peer = self._peer
        return Send(to_bytes(answer), to=peer), *self._fail(Failed(reason))

    def _fail(self, failed: Failed) -> Effects:
        self.state = ReceivingState.OVER
        return (failed,)


def _host_of(addr: Address) -> object:
    """Return the part of an address that stays the same over a host's ports."""
    return addr[0] if isinstance(addr, tuple) else addr
