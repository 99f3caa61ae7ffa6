"""How long an import by a page may be at work: it shares the hub with everybody else."""

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from ringfence.hub.errors import BadSelection

LONGEST_S = 300
T = TypeVar("T")


class WorkTime:
    """The time of one import, from its making on."""

    def __init__(self, longest_s: float = LONGEST_S) -> None:
        self._longest_s = longest_s
        self._ends_at = time.monotonic() + longest_s

    def check(self, _each: object = None) -> None:
        """Raise BadSelection once the time is over."""
        if time.monotonic() > self._ends_at:
            raise BadSelection(
                f"the hub was at work on it for {self._longest_s / 60:.0f} minutes, and that is the most for a page",
                to_do="Import it in parts, or with the command.",
            )

    def within(self, found: Iterable[T]) -> Iterator[T]:
        """Yield as long as there is time."""
        for each in found:
            self.check()
            yield each
