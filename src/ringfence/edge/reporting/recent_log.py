"""The newest lines of an agent's log, kept in memory for whoever looks from afar."""

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from ringfence.edge.reporting.log import Log

KEPT_LINES = 1000
LONGEST_LINE = 1000


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line, and its number since the agent's start, from 0."""

    number: int
    text: str


class RecentLog:
    """Passes lines on to where they go anyway, and keeps the newest; safe to use from any thread."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._lines: deque[LogLine] = deque(maxlen=KEPT_LINES)
        self._count = 0
        self._news = threading.Condition()

    def __call__(self, level: str, text: str) -> None:
        """Take a line."""
        when = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime())
        line = f"{when} {level.upper()} {text}"
        with self._news:
            self._lines.append(LogLine(self._count, line[:LONGEST_LINE]))
            self._count += 1
            self._news.notify_all()
        self._log(level, text)

    def last(self, most: int) -> Sequence[LogLine]:
        """Return the newest lines, ``most`` at most."""
        with self._news:
            return list(self._lines)[-most:] if most > 0 else []

    @property
    def newest(self) -> int:
        """The number of the newest line, -1 before the first."""
        with self._news:
            return self._count - 1

    def after(self, number: int, timeout_s: float) -> Sequence[LogLine]:
        """Return the kept lines after a number, -1 for all, once there are any or ``timeout_s`` are over."""
        with self._news:
            self._news.wait_for(lambda: self._count > number + 1, timeout_s)
            return [line for line in self._lines if line.number > number]
