"""Waiting some milliseconds for what the parent observed on the network; what arrives later proves nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ringfence.guard.evidence import OnTheWire
from ringfence.guard.moment import Moment
from ringfence.server.files.catalogue import OfferedFile

WAIT_S = 0.03
"""How long a decision waits at most for what the parent heard: half a millisecond does, but on a busy small machine."""
MOST_WAITING = 256

AskTheParent = Callable[[int, str, int], None]
"""Asks the parent, under a number, what it heard of a host and port; ``EvidenceWait.on_heard`` takes the answer."""
GoOn = Callable[[OnTheWire | None, float], None]
"""Takes what was observed, None if nothing arrived in time, and the loop's time."""


class Timing(Protocol):
    """The loop, as far as admission needs it."""

    @property
    def moment(self) -> Moment:
        """The moment of this turn of the loop."""

    def call_at(self, at: float, callback: Callable[[float], None]) -> int:
        """Call back once at a time; return what ``cancel`` knows it by."""

    def cancel(self, timer: int) -> None:
        """Take a call back."""


@dataclass(frozen=True, slots=True)
class _AwaitsEvidence:
    offered: OfferedFile
    go_on: GoOn
    timer: int


class EvidenceWait:
    """The requests that wait, each with its file held. Without ``ask`` nobody waits."""

    def __init__(self, timing: Timing, ask: AskTheParent | None) -> None:
        self._timing = timing
        self._ask = ask
        self._waiting: dict[int, _AwaitsEvidence] = {}
        self._serial = 0

    def begin(self, host: str, port: int, offered: OfferedFile, go_on: GoOn) -> bool:
        """Ask the parent, and call ``go_on`` once; return whether there is anybody to ask and room to wait."""
        if self._ask is None or len(self._waiting) >= MOST_WAITING:
            return False
        self._serial += 1
        serial = self._serial
        offered.hold()
        timer = self._timing.call_at(self._timing.moment.mono + WAIT_S, lambda now: self._end(serial, None, now))
        self._waiting[serial] = _AwaitsEvidence(offered, go_on, timer)
        self._ask(serial, host, port)
        return True

    def on_heard(self, serial: int, heard: OnTheWire) -> None:
        """Go on with the request that waits for the parent's observations; a late answer is ignored."""
        self._end(serial, heard, self._timing.moment.mono)

    def _end(self, serial: int, heard: OnTheWire | None, now: float) -> None:
        waiting = self._waiting.pop(serial, None)
        if waiting is None:
            return
        self._timing.cancel(waiting.timer)
        try:
            waiting.go_on(heard, now)
        finally:
            waiting.offered.let_go()
