"""The one epoll loop: descriptors that are ready, then timers that are due.

No handler may block, and none may take time that a stranger can choose: everything in the worker waits its turn here.
"""

import heapq
import select
import time
from collections.abc import Callable

LONGEST_TURN_S = 1.0
SPIN_S = 60e-6
SLEEPS_AFTER_VAIN_SPIN = 32

OnReady = Callable[[int, float], None]
"""Takes the event mask, and the turn's time (seconds, ``time.monotonic``)."""
OnTime = Callable[[float], None]
"""Takes the turn's time."""


class Loop:
    """Who waits for which descriptor, and for what time. One thread."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._handlers: dict[int, OnReady] = {}
        self._timers: list[tuple[float, int, OnTime]] = []
        self._serial = 0
        self._sleeps = 0  # polls that sleep at once

    def attach(self, fd: int, mask: int, handler: OnReady) -> None:
        """Call ``handler`` with the event mask and the time whenever ``fd`` is ready."""
        self._handlers[fd] = handler
        self._epoll.register(fd, mask)

    def change(self, fd: int, mask: int) -> None:
        """Wait for other events of an attached ``fd``."""
        self._epoll.modify(fd, mask)

    def detach(self, fd: int) -> None:
        """Forget ``fd``; to be called before it is closed, or together with it."""
        del self._handlers[fd]
        self._epoll.unregister(fd)

    def call_at(self, at: float, callback: OnTime) -> None:
        """Call ``callback`` once, at ``at`` or soon after. It can't be taken back: the callback looks if it matters."""
        self._serial += 1
        heapq.heappush(self._timers, (at, self._serial, callback))

    def turn(self, longest_s: float = LONGEST_TURN_S) -> None:
        """Wait for at most ``longest_s``, then do all that is due."""
        timers = self._timers
        timeout_s = longest_s
        if timers:
            timeout_s = min(max(timers[0][0] - time.monotonic(), 0.0), longest_s)
        ready = self._poll(timeout_s)
        now = time.monotonic()
        handlers = self._handlers
        for fd, mask in ready:
            handler = handlers.get(fd)
            if handler is not None:  # else one before it in this turn has closed it
                handler(mask, now)
        while timers and timers[0][0] <= now:
            heapq.heappop(timers)[2](now)

    def _poll(self, timeout_s: float) -> list[tuple[int, int]]:
        """Wait for what is ready; a short while without sleeping, if that was worth it lately.

        In lock-step the next ACK is often here before a sleep and a wake-up would be done. A wait that was in vain
        makes the next ones sleep at once, so a slow peer costs nothing more.
        """
        poll = self._epoll.poll
        if self._sleeps:
            self._sleeps -= 1
            return poll(timeout_s)
        until = time.monotonic() + SPIN_S
        while not (ready := poll(0)) and time.monotonic() < until:
            pass
        if ready:
            return ready
        self._sleeps = SLEEPS_AFTER_VAIN_SPIN
        return poll(timeout_s)

    def close(self) -> None:
        """Let go of all; closes no attached descriptor."""
        self._handlers.clear()
        self._timers.clear()
        self._epoll.close()
