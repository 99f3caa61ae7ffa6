"""One transfer: its machine, the path to its peer, and what is reported of it.

Class patterns name no positions here and in the other modules of a transfer's way: to look ``__match_args__`` up,
CPython 3.11 makes a new string each time and keeps it in the cache of methods, among the memory of a rush.
"""

import time
from collections.abc import Callable
from socket import SocketType
from typing import Protocol

from ringfence.server.events import (
    Cause,
    TransferFailed,
    TransferFinished,
    WorkersOwnEvent,
    printable,
)
from ringfence.server.files.catalogue import OfferedFile
from ringfence.server.io.relay import LONGEST_DATAGRAM_BYTES
from ringfence.server.io.sockets import Address, ConnectedPath, Datagram
from ringfence.tftp.effects import (
    Effects,
    Failed,
    FailureReason,
    Finished,
    Send,
    SendBurst,
)
from ringfence.tftp.packets import TOO_SLOW, ReadRequest, to_bytes
from ringfence.tftp.sending import Sender, SendingState

LONGEST_TIMER_S = 0.5
"""A transfer is looked at this often at least, for the hot path may bring ``wake_at`` nearer without telling."""
LONGEST_SHOWN = 255
DATAGRAMS_TO_CATCH_UP = 8

_TOO_SLOW = to_bytes(TOO_SLOW)
_CAUSES = {
    FailureReason.NO_ANSWER: Cause.NO_ANSWER,
    FailureReason.WENT_SILENT: Cause.WENT_SILENT,
    FailureReason.PEER_ERROR: Cause.ENDED_BY_PEER,
    FailureReason.READ_FAILED: Cause.READ_FAILED,
}


class StillThere(Protocol):
    """Whether the peer may have the next bytes."""

    def __call__(self, *, has_answered: bool) -> bool:
        """Say so; ``has_answered``: it has just sent something."""


class Path(Protocol):
    """The way to one peer. OSError if a datagram can't leave."""

    def send(self, data: bytes, /) -> object:
        """Send one datagram."""

    def send_burst(self, data: bytes, datagram_bytes: int, /) -> None:
        """Send ``data`` as datagrams of ``datagram_bytes``, the last one maybe shorter."""


class Transfer:
    """``on_over`` is called once, when nothing more will be sent; the owner then drops the transfer."""

    __slots__ = (
        "_advance",
        "_on_over",
        "_receive",
        "_send",
        "_send_flight",
        "_still_there",
        "_tell",
        "_unreachable_at",
        "began_at",
        "deadline",
        "endpoint",
        "file",
        "is_lock_step",
        "key",
        "path",
        "peer",
        "request",
        "sender",
        "timer",
    )

    def __init__(
        self,
        datagram: Datagram,
        request: ReadRequest,
        file: OfferedFile,
        sender: Sender,
        path: Path,
        *,
        tell: Callable[[WorkersOwnEvent], None],
        on_over: Callable[["Transfer"], None],
        is_lock_step: bool,
        began_at: float,
        deadline: float,
        still_there: StillThere | None = None,
    ) -> None:
        self.peer: Address = datagram.peer
        self.key = (datagram.peer, datagram.local)
        self.request = request
        self.file = file
        self.sender = sender
        self.path = path
        self.endpoint: SocketType | None = None
        self.began_at = began_at
        self.deadline = deadline
        self.is_lock_step = is_lock_step
        self._tell = tell
        self._on_over = on_over
        self._still_there = still_there
        self.timer = 0
        """What the loop knows its next look by, so that it does not outlive the transfer."""
        self._unreachable_at = -1
        # Bound once: a look-up less for each block and call.
        self._advance = sender.advance
        self._receive: Callable[[int], bytes] = _nothing
        self._send: Callable[[bytes], object] = path.send
        self._send_flight = path.send if is_lock_step else self._send_window
        if isinstance(path, ConnectedPath):
            self.endpoint = path.endpoint
            self._receive = path.receive

    @property
    def is_relayed(self) -> bool:
        """Whether the relay may answer for it: not where its peer's place is looked at before each block."""
        return self.is_lock_step and self._still_there is None

    @property
    def is_over(self) -> bool:
        """Whether it has ended, well or not."""
        return self.sender.state is SendingState.OVER

    def begin(self, now: float) -> None:
        """Send what comes first."""
        self._carry_out(self.sender.begin(now), now)

    def on_ready(self, _mask: int, now: float) -> None:
        """Take one datagram that has come on the transfer's own socket."""
        try:
            datagram = self._receive(LONGEST_DATAGRAM_BYTES)
        except BlockingIOError:
            return  # all taken
        except OSError as fault:
            self.on_fault(fault, now)
            return
        self.on_datagram(datagram, now)

    def catch_up(self, now: float) -> None:
        """Take what has come and was not read yet."""
        for _ in range(DATAGRAMS_TO_CATCH_UP):
            try:
                datagram = self._receive(LONGEST_DATAGRAM_BYTES)
            except OSError:
                return  # nothing, or the network's word that the port is closed, which one request more says too
            self.on_datagram(datagram, now)
            if self.is_over:
                return

    def on_datagram(self, datagram: bytes, now: float) -> None:
        """Take a datagram from the peer."""
        if self._has_moved(has_answered=True):
            return
        flight = self._advance(datagram, now)
        if flight is None:
            self._carry_out(self.sender.receive_datagram(datagram, self.peer, now), now)
            return
        try:
            self._send_flight(flight)
        except BlockingIOError:
            return  # no room to send: the timer repeats it
        except OSError as fault:
            self.on_fault(fault, now)

    def on_fault(self, fault: OSError, _now: float) -> None:
        """Take what the network says instead of a datagram, or to one that was to be sent."""
        if not isinstance(fault, ConnectionRefusedError):
            self._fail(f"the network refused a datagram: {fault.strerror}", Cause.NETWORK)
            return
        # The peer's port is closed, they say. One such message may be old or forged; a second one for the same block,
        # with no ACK between, is believed.
        if self._unreachable_at == self.sender.block:
            self._fail("the phone closed its port before it acknowledged the last block sent", Cause.UNREACHABLE)
        else:
            self._unreachable_at = self.sender.block

    def on_timer(self, now: float) -> float | None:
        """Do what is due; return when to check again, or None if it is over."""
        if now >= self.deadline:
            self.stop(_TOO_SLOW, "it took longer than a transfer of its size is allowed to", Cause.TOO_SLOW)
        elif self.sender.wake_at <= now and not self._has_moved(has_answered=False):
            self._carry_out(self.sender.handle_timeout(now), now)
        return None if self.is_over else min(self.sender.wake_at, now + LONGEST_TIMER_S)

    def stop(self, answer: bytes | None, reason: str, cause: Cause = Cause.OTHER) -> None:
        """End it from our side, telling the peer by ``answer`` and people by ``reason``."""
        if answer is not None:
            self._try_to_send(answer)
        self._fail(reason, cause)

    def _has_moved(self, *, has_answered: bool) -> bool:
        """End it where the peer's address has gone to another machine; return whether it has."""
        if self._still_there is None or self._still_there(has_answered=has_answered):
            return False
        self._fail("another machine took over the phone's address", Cause.MOVED)
        return True

    def _carry_out(self, effects: Effects, now: float) -> None:
        for effect in effects:
            match effect:
                case Send():
                    self._try_to_send(effect.data)
                case SendBurst():
                    try:
                        self._send_window(effect.data)
                    except OSError:
                        continue  # lost, as datagrams are; the timer repeats it
                case Finished():
                    self._finish(effect.size_bytes, effect.retransmissions, now)
                case Failed():
                    self._fail(_sentence(effect), _CAUSES.get(effect.reason, Cause.OTHER))
                case _:
                    pass  # WakeAt: the machine's wake_at says the same; Deliver is the receiver's

    def _send_window(self, flight: bytes) -> None:
        self.path.send_burst(flight, self.sender.datagram_bytes)
        self.sender.prepare()

    def _try_to_send(self, data: bytes) -> None:
        try:
            self._send(data)
        except OSError:
            return  # lost, as datagrams are; the timer repeats it

    def _finish(self, size_bytes: int, retransmissions: int, now: float) -> None:
        self._tell(
            TransferFinished(
                at=time.time(),
                peer_host=self.peer[0],
                peer_port=self.peer[1],
                name=self.file.name,
                owner=self.file.owner,
                size_bytes=size_bytes,
                duration_s=round(now - self.began_at, 6),
                release=self.file.release,
                retransmissions=retransmissions,
            )
        )
        self._on_over(self)

    def _fail(self, reason: str, cause: Cause) -> None:
        host, port, *_ = self.peer
        self.sender.state = SendingState.OVER
        self._tell(TransferFailed(time.time(), host, port, self.file.name, self.file.owner, reason, cause))
        self._on_over(self)


def _nothing(_size: int) -> bytes:
    raise BlockingIOError


def _sentence(failed: Failed) -> str:
    match failed.reason:
        case FailureReason.NO_ANSWER:
            return "the phone never acknowledged anything"
        case FailureReason.WENT_SILENT:
            return "the phone stopped answering in the middle of the file"
        case FailureReason.PEER_ERROR:
            return f"the phone ended it: {printable(failed.message)[:LONGEST_SHOWN]} (TFTP error {failed.code})"
        case FailureReason.READ_FAILED:
            return "the file could not be read"
        case _:
            return f"the transfer failed: {failed.reason}"
