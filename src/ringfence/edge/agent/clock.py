"""What time it is, on a machine that may not know.

A Raspberry Pi has no battery: after a power cut its clock may be years behind. The edge judges expiry by the hub's
time, which comes over a connection that the hub's CA vouches for, and never by less than the newest time that it has
ever seen there (the floor, kept over restarts).
"""

import time


class HubClock:
    """The hub's time, carried on by this machine's monotonic clock; this machine's own time until the hub was heard."""

    def __init__(self, floor: float = 0.0) -> None:
        self.floor = floor
        self._difference: float | None = None

    def now(self) -> float:
        """Return the best known time in Unix seconds, never below the floor."""
        if self._difference is None:
            return max(time.time(), self.floor)
        return max(time.monotonic() + self._difference, self.floor)

    @property
    def is_known(self) -> bool:
        """Whether the hub has told its time since this process began."""
        return self._difference is not None

    def learn(self, hub_time: float) -> None:
        """Take over the hub's time; the floor rises with it."""
        self._difference = hub_time - time.monotonic()
        self.floor = max(self.floor, hub_time)
