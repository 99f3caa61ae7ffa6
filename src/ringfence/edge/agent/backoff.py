"""Pauses between tries."""

import random

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0


class Backoff:
    """Back-off between tries: doubled up to a minute, with jitter, so that a fleet does not come back at once."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin with the shortest pause again: something worked."""
        self._limit_s = FIRST_PAUSE_S

    def next(self) -> float:
        """Return how long to pause now, in seconds; the next pause is longer."""
        pause_s = self._limit_s * (0.2 + 0.8 * random.random())  # noqa: S311 - jitter, no secret
        self._limit_s = min(2 * self._limit_s, LONGEST_PAUSE_S)
        return pause_s
