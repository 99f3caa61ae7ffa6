"""How a story is told: each step with its time, and an end where a step's result is not what it says."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from stack import StoryBroken


class Story:
    """Prints each step and how long it took."""

    def __init__(self) -> None:
        self._begun = time.monotonic()

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Print one step, with the time that its block took."""
        begun = time.monotonic()
        yield
        print(f"{time.monotonic() - self._begun:6.2f} s  {text}  ({time.monotonic() - begun:.2f} s)", flush=True)

    def note(self, text: str) -> None:
        """Print what a step showed."""
        for line in text.splitlines():
            print(f"            {line}", flush=True)


def must(holds: bool, what: str) -> None:
    """End the story if a step's result is not what the step says."""
    if not holds:
        raise StoryBroken(what)
