"""What a transfer machine wants done: a closed union, carried out by the shell around the machine."""

from collections.abc import Hashable
from dataclasses import dataclass
from enum import StrEnum

Address = Hashable
"""A peer's transfer identifier (RFC 1350 section 4): opaque to the machines, which only compare it."""


class FailureReason(StrEnum):
    """Why a transfer ended without its last byte acknowledged."""

    NO_ANSWER = "no-answer"
    """The peer never answered: nothing proves that it exists at that address."""
    WENT_SILENT = "went-silent"
    """The peer answered before, then no more."""
    PEER_ERROR = "peer-error"
    """The peer sent an ERROR packet."""
    BAD_OPTIONS = "bad-options"
    """The peer acknowledged options that were not asked for, or values that it may not choose."""
    BAD_PACKET = "bad-packet"
    """The peer broke the protocol in a way that can't be overlooked."""
    TOO_LONG = "too-long"
    """The peer sent more bytes than we take."""
    READ_FAILED = "read-failed"
    """Our own file could not be read, or ended before its length."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send ``data`` to ``to``, or to the transfer's peer where that is None."""

    data: bytes
    to: Address | None = None


@dataclass(frozen=True, slots=True)
class SendBurst:
    """Send ``data`` to the transfer's peer as datagrams of ``datagram_bytes`` each; the last may be shorter."""

    data: bytes
    datagram_bytes: int

    def datagrams(self) -> tuple[bytes, ...]:
        """Return the datagrams."""
        size = self.datagram_bytes
        return tuple(self.data[start : start + size] for start in range(0, len(self.data), size))


@dataclass(frozen=True, slots=True)
class Deliver:
    """Hand the next ``data`` of the file to the caller (receivers only)."""

    data: bytes


@dataclass(frozen=True, slots=True)
class WakeAt:
    """Call ``handle_timeout`` at ``at`` (seconds, the machine's clock); replaces every earlier WakeAt."""

    at: float


@dataclass(frozen=True, slots=True)
class Finished:
    """All bytes are at the receiver. ``retransmissions`` counts the datagrams that had to be sent again."""

    size_bytes: int
    retransmissions: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The transfer failed. ``code`` and ``message`` are the ERROR packet's, if there was one."""

    reason: FailureReason
    code: int | None = None
    message: str = ""


Effect = Send | SendBurst | Deliver | WakeAt | Finished | Failed
Effects = tuple[Effect, ...]
