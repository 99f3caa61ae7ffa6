"""How many connections the listener has: in all, of one address, and at work at the same time.

Whoever comes when all work waits, and is not sent away: a phone that was would try again after an hour. Where there is
no room at all, the address with the most connections loses its newest one. An IPv6 network of 64 bits is one address.
"""

import asyncio
from collections.abc import Hashable

MOST_OPEN = 2048
MOST_OF_ADDRESS = 1024
MOST_AT_WORK = 160
MOST_AT_WORK_OF_ADDRESS = 40
"""So that no single address takes all the places; a building full of phones behind one address waits a little."""

Task = asyncio.Task[None]


class ConnectionPlaces:
    """The listener's connections, by the addresses that they came from."""

    def __init__(self) -> None:
        self._of: dict[Hashable, dict[Task, None]] = {}
        self._work: dict[Hashable, asyncio.Semaphore] = {}
        self._all_work = asyncio.Semaphore(MOST_AT_WORK)
        self.count = 0

    def take(self, host: Hashable, task: Task) -> None:
        """Count a connection, and end another if there are too many."""
        mine = self._of.setdefault(host, {})
        mine[task] = None
        self.count += 1
        if len(mine) > MOST_OF_ADDRESS:
            task.cancel()
        elif self.count > MOST_OPEN:
            most = max(self._of.values(), key=len)
            next(reversed(most)).cancel()

    def leave(self, host: Hashable, task: Task) -> None:
        """A connection has ended."""
        mine = self._of.get(host, {})
        if mine.pop(task, task) is None:
            self.count -= 1
        if not mine:
            self._of.pop(host, None)
            self._work.pop(host, None)

    async def begin(self, host: Hashable) -> asyncio.Semaphore:
        """Wait for a place at work; give it back with ``end``."""
        mine = self._work.setdefault(host, asyncio.Semaphore(MOST_AT_WORK_OF_ADDRESS))
        await mine.acquire()
        try:
            await self._all_work.acquire()
        except BaseException:
            mine.release()
            raise
        return mine

    def end(self, mine: asyncio.Semaphore) -> None:
        """Give a place at work back."""
        self._all_work.release()
        mine.release()
