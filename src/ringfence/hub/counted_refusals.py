"""What callers are refused, in the log: each kind at once, then a line a minute with their number."""

import asyncio
from dataclasses import dataclass, field

import structlog

LOGGED_EVERY_S = 60.0


@dataclass(slots=True)
class _SinceLogged:
    count: int = 0
    facts: dict[str, str] = field(default_factory=dict)


class CountedRefusals:
    """Counts refusals by kind and logs them; used by the event loop's thread alone.

    Args:
        log: Where they are logged.
        event: What the lines are called.
    """

    def __init__(self, log: structlog.stdlib.BoundLogger, event: str) -> None:
        self._log = log
        self._event = event
        self._waiting: dict[str, _SinceLogged] = {}

    def note(self, kind: str, **facts: str) -> None:
        """Count one refusal.

        Args:
            kind: One of a fixed few.
            facts: What its line says too; of several refusals on one line, the last one's.
        """
        if (waiting := self._waiting.get(kind)) is None:
            self._say(kind, 1, facts)
        else:
            waiting.count, waiting.facts = waiting.count + 1, facts

    def _say(self, kind: str, count: int, facts: dict[str, str]) -> None:
        self._log.warning(self._event, kind=kind, count=count, **facts)
        self._waiting[kind] = _SinceLogged()
        asyncio.get_running_loop().call_later(LOGGED_EVERY_S, self._say_what_waits, kind)

    def _say_what_waits(self, kind: str) -> None:
        if (waited := self._waiting.pop(kind)).count:
            self._say(kind, waited.count, waited.facts)
