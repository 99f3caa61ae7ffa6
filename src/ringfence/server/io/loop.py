"""The one epoll loop: descriptors that are ready, then timers that are due.

No handler may block, and none may take time that a stranger can choose: everything in the worker waits its turn here.
"""

import heapq
import select
import time
from collections.abc import Callable

from ringfence.guard.moment import Moment
from ringfence.server.io.relay import OnDatagram, OnFault, make_relay
from ringfence.tftp.sending import Sender

LONGEST_TURN_S = 1.0

OnReady = Callable[[int, float], None]
"""Takes the event mask, and the turn's time (seconds, ``time.monotonic``)."""
OnTime = Callable[[float], None]
"""Takes the turn's time."""


class Loop:
    """Who waits for which descriptor, and for what time. One thread. ``accelerated``: see ``relay.make_relay``."""

    def __init__(self, *, accelerated: bool | None = None) -> None:
        self._epoll = select.epoll()
        self._handlers: dict[int, OnReady] = {}
        self._timers: list[tuple[float, int]] = []
        self._callbacks: dict[int, OnTime] = {}
        self._serial = 0
        self._relay = make_relay(self._epoll, accelerated=accelerated)
        self._now = time.monotonic()
        self._moment = Moment(self._now, time.time())

    @property
    def moment(self) -> Moment:
        """The moment of this turn: the clocks are read once for all that it does."""
        if self._moment.mono != self._now:
            self._moment = Moment(self._now, time.time())
        return self._moment

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

    def call_at(self, at: float, callback: OnTime) -> int:
        """Call ``callback`` once, at ``at`` or soon after. Return what ``cancel`` knows it by, which is never 0."""
        self._serial += 1
        self._callbacks[self._serial] = callback
        heapq.heappush(self._timers, (at, self._serial))
        return self._serial

    def cancel(self, timer: int) -> None:
        """Take a call back, if it has not been made yet, and let go of its callback at once."""
        self._callbacks.pop(timer, None)

    def turn(self, longest_s: float = LONGEST_TURN_S) -> None:
        """Wait for at most ``longest_s``, then do all that is due."""
        timers = self._timers
        timeout_s = longest_s
        if timers:
            timeout_s = min(max(timers[0][0] - time.monotonic(), 0.0), longest_s)
        ready = self._relay.poll(timeout_s)
        now = self._now = time.monotonic()
        handlers = self._handlers
        for fd, mask in ready:
            handler = handlers.get(fd)
            if handler is not None:  # else one before it in this turn has closed it
                handler(mask, now)
        while timers and timers[0][0] <= now:
            callback = self._callbacks.pop(heapq.heappop(timers)[1], None)
            if callback is not None:
                callback(now)

    def carry(self, fd: int, sender: Sender, on_datagram: OnDatagram, on_fault: OnFault) -> None:
        """Answer on ``fd``, a lock-step transfer's connected socket, what ``sender`` awaits; hand on all else."""
        self._relay.carry(fd, sender, on_datagram, on_fault)

    def give_up(self, fd: int) -> None:
        """Forget a carried ``fd``; to be called before it is closed."""
        self._relay.give_up(fd)

    def close(self) -> None:
        """Let go of all; closes no attached descriptor."""
        self._handlers.clear()
        self._relay.clear()
        self._timers.clear()
        self._callbacks.clear()
        self._epoll.close()
