"""The machine that sends a file: the server's half of a read request (RFC 1350, 1123, 2347).

States and inputs; what isn't named changes nothing and is answered by nothing::

    state      begin            ACK awaited        other ACK  ERROR   timeout, tries left  timeout, none left
    ---------  ---------------  -----------------  ---------  ------  -------------------  ------------------
    NEW        OACK → OFFERED   —                  —          —       —                    —
               DATA 1 → SENDING
    OFFERED    —                DATA 1 → SENDING   ignored    → OVER  OACK again           → OVER
    SENDING    —                DATA n+1 → SENDING ignored    → OVER  DATA n again         → OVER
                                last one: → OVER
    OVER       —                —                  —          —       —                    —

The laws:

- A duplicate ACK never sends anything (RFC 1123 section 4.2.3.1, the Sorcerer's Apprentice): only the awaited ACK
  moves the file on, and only the timer repeats a datagram.
- An ERROR is never answered, and no timeout is: nothing that a peer does not say makes us talk.
- A peer that has not answered yet gets one datagram, repeated ``unproven_retries`` times: its address may be forged.
- The block number goes 65535 → 0, as the field does.
- Datagrams of another transfer identifier change nothing and get ERROR 5 (RFC 1350 section 4).

RFC 7440's windows would make ``_packet`` a row of packets, and ``_awaited`` the last of them.
"""

from enum import Enum, auto

from ringfence.tftp.blocks import Blocks, NetasciiBlocks, OctetBlocks, Read
from ringfence.tftp.effects import Address, Effects, Failed, FailureReason, Finished, Send, WakeAt
from ringfence.tftp.errors import MalformedPacket, ReadFailed
from ringfence.tftp.options import PLAIN_TERMS, Terms
from ringfence.tftp.packets import (
    READ_FAILED,
    UNKNOWN_TID,
    ErrorPacket,
    OptionAcknowledgement,
    from_bytes,
    to_bytes,
)
from ringfence.tftp.retransmission import DEFAULT_POLICY, RetransmissionPolicy, RetransmissionTimer

_DATA = b"\0\x03"
_ACK = b"\0\x04"
_HEADER_BYTES = 4
_MEASURED_MASK = 7
_MEASURED = 2
"""Every eighth round trip is measured, beginning with block 1: as good as each, and cheaper."""
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
    ``length`` is how many there are. ``jitter`` is a random number from 0 to 1.
    """

    __slots__ = (
        "_advance_on",
        "_awaited",
        "_block_size",
        "_length",
        "_number",
        "_packet",
        "_peer",
        "_policy",
        "_sent_at",
        "_take",
        "_terms",
        "_timer",
        "_tries",
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
    ) -> None:
        self._peer = peer
        self._length = length
        self._terms = terms
        self._policy = policy
        self._block_size = terms.block_size
        blocks: Blocks = (NetasciiBlocks if mode == "netascii" else OctetBlocks)(read, length, terms.block_size)
        self._take = blocks.take
        self._timer = RetransmissionTimer(policy, jitter=jitter, fixed_timeout_s=terms.timeout_s)
        self._packet = b""
        self._awaited = b""
        self._advance_on: bytes | None = None  # the awaited ACK where another block follows, else None
        self._number = 0
        self._tries = 0
        self._sent_at = 0.0
        self.wake_at = float("inf")
        """When ``handle_timeout`` is due; always what the last WakeAt said."""
        self.is_proven = False
        """Whether the peer has answered: its address is not forged."""
        self.retransmissions = 0
        self.state = SendingState.NEW

    @property
    def is_stalled(self) -> bool:
        """Whether the datagram in flight had to be repeated: the peer may be gone, or have begun anew."""
        return self._tries > 0

    @property
    def block(self) -> int:
        """The number of the DATA in flight, modulo 65536; 0 while the OACK is."""
        return self._number

    def begin(self, now: float) -> Effects:
        """Send the first datagram: the OACK where options were granted, else DATA 1. Once."""
        if self.state is not SendingState.NEW:
            return ()
        if self._terms.acknowledged:
            self.state = SendingState.OFFERED
            self._packet = to_bytes(OptionAcknowledgement(self._terms.acknowledged))
            self._awaited = self._advance_on = _ACK + b"\0\0"
            self._set_out(now)
            return Send(self._packet), WakeAt(self.wake_at)
        self.state = SendingState.SENDING
        return self._next_block(now)

    def advance(self, datagram: bytes, now: float) -> bytes | None:
        """Take the awaited ACK and give the next DATA packet; None, and nothing changed, for any other datagram.

        The one path that is worth its own entrance: every block of every transfer goes this way. The datagram must be
        from the peer. The caller sends the packet to it, keeps to ``wake_at``, and hands what gave None to
        ``receive_datagram``.
        """
        if datagram != self._advance_on:
            return None
        try:
            payload = self._take()
        except ReadFailed:
            return None
        number = self._number = (self._number + 1) & 0xFFFF
        if self._tries:
            self._tries = 0
        elif number & _MEASURED_MASK == _MEASURED:
            self._timer.on_round_trip(now - self._sent_at)
        number_bytes = number.to_bytes(2, "big")
        self._packet = packet = _DATA + number_bytes + payload
        self._awaited = self._advance_on = _ACK + number_bytes
        if len(payload) < self._block_size:
            self._advance_on = None
        if not self.is_proven or self.state is not SendingState.SENDING:
            self.is_proven = True
            self.state = SendingState.SENDING
        self._sent_at = now
        self.wake_at = now + self._timer.timeout_s
        return packet

    def receive_datagram(self, data: bytes, addr: Address, now: float) -> Effects:
        """Take a datagram from ``addr``; the effects are in the order in which they should happen."""
        if self.state in {SendingState.NEW, SendingState.OVER}:
            return ()
        if addr != self._peer:
            return (Send(_UNKNOWN_TID, to=addr),) if not data.startswith(b"\0\x05") else ()
        if data.startswith(_ACK) and len(data) > _HEADER_BYTES:
            data = data[:_HEADER_BYTES]  # bytes after the block number are overlooked
        if data == self._awaited:
            return self._on_awaited_acknowledgement(data, now)
        try:
            packet = from_bytes(data)
        except MalformedPacket:
            return ()
        if isinstance(packet, ErrorPacket):
            return self._fail(Failed(FailureReason.PEER_ERROR, packet.code, packet.message))
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
        self._tries += 1
        self.retransmissions += 1
        self._timer.on_timeout()
        self._set_out(now)
        return Send(self._packet), WakeAt(self.wake_at)

    def _on_awaited_acknowledgement(self, data: bytes, now: float) -> Effects:
        self.is_proven = True
        if self._advance_on is None:
            self.state = SendingState.OVER
            return (Finished(self._length, self.retransmissions),)
        packet = self.advance(data, now)
        if packet is None:
            return self._fail_to_read()
        return Send(packet), WakeAt(self.wake_at)

    def _next_block(self, now: float) -> Effects:
        """Send DATA 1 without an ACK before it."""
        try:
            payload = self._take()
        except ReadFailed:
            return self._fail_to_read()
        self._number = 1
        self._packet = _DATA + b"\0\x01" + payload
        self._awaited = _ACK + b"\0\x01"
        self._advance_on = self._awaited if len(payload) == self._block_size else None
        self._set_out(now)
        return Send(self._packet), WakeAt(self.wake_at)

    def _set_out(self, now: float) -> None:
        self._sent_at = now
        self.wake_at = now + self._timer.timeout_s

    def _fail_to_read(self) -> Effects:
        return Send(_READ_FAILED), *self._fail(Failed(FailureReason.READ_FAILED))

    def _fail(self, failed: Failed) -> Effects:
        self.state = SendingState.OVER
        self._advance_on = None
        return (failed,)
