"""Waiting for what the parent observed on the network, as long as whoever asks waits for an answer.

The parent answers within a millisecond, unless its machine is busy. Whoever asked waits for seconds and then asks
again; so nothing is decided on less than the parent has to say. A request of which the parent says nothing is neither
allowed nor refused, but gets no answer. The room is bounded; where it is scarce, who has most in it gives way.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from msgspec import Struct

from ringfence.guard.evidence import OnTheWire
from ringfence.guard.moment import Moment
from ringfence.server.files.catalogue import OfferedFile

LONGEST_WAIT_S = 10.0
"""Phones have repeated their requests by then."""
MOST_WAITING = 4096


class Question(Struct, frozen=True, array_like=True):
    """What did the parent hear of this host and port? ``serial`` numbers the question."""

    serial: int
    host: str
    port: int


class Heard(Struct, frozen=True, array_like=True):
    """What the parent heard; ``may_have_missed``: frames were lost lately, so that a missing one proves nothing."""

    serial: int
    wire: OnTheWire
    may_have_missed: bool = False


AskTheParent = Callable[[Question], None]
"""Asks the parent; ``EvidenceWait.on_heard`` takes the answer."""
GoOn = Callable[[Heard | None], None]
"""Takes what was heard, None if the wait ended without an answer."""


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
    host: str
    offered: OfferedFile | None
    go_on: GoOn
    timer: int


class EvidenceWait:
    """The requests that wait, the oldest first, each with its file held. Without ``ask`` nobody waits."""

    def __init__(self, timing: Timing, ask: AskTheParent | None) -> None:
        self._timing = timing
        self._ask = ask
        self._waiting: dict[int, _AwaitsEvidence] = {}
        self._per_host: Counter[str] = Counter()
        self._serial = 0

    @property
    def has_parent(self) -> bool:
        """Whether there is anybody to ask."""
        return self._ask is not None

    def begin(self, host: str, port: int, offered: OfferedFile | None, go_on: GoOn) -> None:
        """Ask the parent, and call ``go_on`` once."""
        if self._ask is None:
            raise AssertionError("there is nobody to ask")
        if len(self._waiting) >= MOST_WAITING and not self._make_room_for(host):
            go_on(None)
            return
        self._serial += 1
        serial = self._serial
        if offered is not None:
            offered.hold()
        timer = self._timing.call_at(self._timing.moment.mono + LONGEST_WAIT_S, lambda _now: self._end(serial, None))
        self._waiting[serial] = _AwaitsEvidence(host, offered, go_on, timer)
        self._per_host[host] += 1
        self._ask(Question(serial, host, port))

    def on_heard(self, heard: Heard) -> None:
        """Go on with the request that waits for the parent's answer; one that comes too late is ignored."""
        self._end(heard.serial, heard)

    def _make_room_for(self, host: str) -> bool:
        """End the oldest wait of the host that has most; return whether that is more than ``host`` has."""
        greediest, count = self._per_host.most_common(1)[0]
        if count <= self._per_host[host] + 1:
            return False
        self._end(next(serial for serial, each in self._waiting.items() if each.host == greediest), None)
        return True

    def _end(self, serial: int, heard: Heard | None) -> None:
        waiting = self._waiting.pop(serial, None)
        if waiting is None:
            return
        self._timing.cancel(waiting.timer)
        self._per_host[waiting.host] -= 1
        if not self._per_host[waiting.host]:
            del self._per_host[waiting.host]
        try:
            waiting.go_on(heard)
        finally:
            if waiting.offered is not None:
                waiting.offered.let_go()
