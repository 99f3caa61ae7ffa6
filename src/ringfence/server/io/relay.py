"""Waits for descriptors, and answers awaited ACKs meanwhile: in C if it was compiled, otherwise in Python.

Nearly every datagram that a server gets is the ACK that a lock-step transfer awaits, and nearly every answer is the
next block, which the Sender has prepared. ``Relay`` answers these, and hands on everything else. The C module does the
same on the same Sender, with the same calls (``make bench`` shows what that saves), so either may be used at any time.
"""

import os
import select
import time
from collections.abc import Callable
from typing import Protocol

from ringfence.tftp.sending import Sender

try:
    from ringfence.server.io._relay import Relay as _FastRelay
except ImportError:  # there was no C compiler, or it is one for another Python
    _FastRelay = None  # type: ignore[assignment, misc]

SPIN_S = 60e-6
LONGEST_POLL_S = 10e-3
"""Without a look at what else is to be done, while one awaited ACK follows the other."""
SLEEPS_AFTER_VAIN_SPIN = 32
LONGEST_DATAGRAM_BYTES = 128
"""What is read of a datagram from a transfer's peer: an ACK has four bytes, an ERROR's text is cut."""

OnDatagram = Callable[[bytes, float], None]
"""Takes a datagram that the relay has no answer to, and the turn's time."""
OnFault = Callable[[OSError, float], None]
"""Takes what the network said instead of a datagram, or to one that was to be sent."""


class Relay(Protocol):
    """Waits on an epoll descriptor that it doesn't own, with ``time.monotonic`` as its clock."""

    def poll(self, timeout_s: float, /) -> list[tuple[int, int]]:
        """Wait for at most ``timeout_s``; return the descriptors, with event masks, that are ready and not carried.

        The carried ones are dealt with before, and the ones that are ready after them too, for as long as none is
        handed on. In lock-step the next ACK is often here before a sleep and a wake-up would be done: so it looks a
        short while before it sleeps, if that was worth it lately. A look that was in vain makes the next ones short,
        until a sleep is over as soon: so a slow peer costs nothing more, and a fast one beside it waits for nobody.
        """

    def carry(self, fd: int, sender: Sender, on_datagram: OnDatagram, on_fault: OnFault, /) -> None:
        """Take over a connected socket of a lock-step transfer, until ``give_up``."""

    def give_up(self, fd: int, /) -> None:
        """Forget a carried descriptor; to be called before it is closed. KeyError if it is not carried."""

    def clear(self) -> None:
        """Forget all that is carried; for the end."""


def make_relay(epoll: select.epoll, *, accelerated: bool | None = None) -> Relay:
    """Return a relay: the C one where ``accelerated``, Python's where not, the best that there is where None."""
    if accelerated is None:
        accelerated = _FastRelay is not None
    return _FastRelay(epoll.fileno(), Sender) if accelerated else PureRelay(epoll)


def is_accelerated() -> bool:
    """Return whether the C module is there."""
    return _FastRelay is not None


class PureRelay:
    """See Relay."""

    def __init__(self, epoll: select.epoll) -> None:
        self._epoll = epoll
        self._carried: dict[int, tuple[Sender, OnDatagram, OnFault]] = {}
        self._sleeps = 0  # how many more times it looks only once

    def poll(self, timeout_s: float, /) -> list[tuple[int, int]]:
        """See Relay."""
        until = time.monotonic() + min(timeout_s, LONGEST_POLL_S)
        ready = self._glance() or self._sleep(timeout_s)
        while ready:
            now = time.monotonic()
            others: list[tuple[int, int]] = []
            is_callers = now >= until  # whether the caller has something to do now
            for fd, mask in ready:
                one = self._carried.get(fd)
                if one is None:
                    others.append((fd, mask))
                elif not _answer(fd, *one, now):
                    is_callers = True
            if others or is_callers:
                return others
            ready = self._glance()
        return []

    def _sleep(self, timeout_s: float) -> list[tuple[int, int]]:
        begun = time.monotonic()
        ready = self._epoll.poll(timeout_s)
        if ready and time.monotonic() - begun < SPIN_S:
            self._sleeps = 0  # to look longer would have been worth it
        return ready

    def _glance(self) -> list[tuple[int, int]]:
        poll = self._epoll.poll
        if self._sleeps:
            self._sleeps -= 1
            return poll(0)
        until = time.monotonic() + SPIN_S
        while not (ready := poll(0)) and time.monotonic() < until:
            pass
        if not ready:
            self._sleeps = SLEEPS_AFTER_VAIN_SPIN
        return ready

    def carry(self, fd: int, sender: Sender, on_datagram: OnDatagram, on_fault: OnFault, /) -> None:
        """See Relay."""
        if fd in self._carried:
            raise ValueError(f"descriptor {fd} is carried already")
        self._epoll.register(fd, select.EPOLLIN)
        self._carried[fd] = (sender, on_datagram, on_fault)

    def give_up(self, fd: int, /) -> None:
        """See Relay."""
        del self._carried[fd]
        self._epoll.unregister(fd)

    def clear(self) -> None:
        """See Relay."""
        self._carried.clear()


def _answer(fd: int, sender: Sender, on_datagram: OnDatagram, on_fault: OnFault, now: float) -> bool:
    """Answer what has come on a carried descriptor; False if it was handed on."""
    try:
        datagram = os.read(fd, LONGEST_DATAGRAM_BYTES)
        flight = sender.advance(datagram, now)
        if flight is not None:
            os.write(fd, flight)
            return True
    except BlockingIOError:
        return True  # all taken; or no room to send, and the timer repeats it
    except OSError as fault:
        on_fault(fault, now)
        return False
    on_datagram(datagram, now)
    return False
