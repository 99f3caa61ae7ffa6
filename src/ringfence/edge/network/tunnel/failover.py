"""Which of several concentrators a box's calls go through: a machine without input and output."""

from collections.abc import Sequence
from dataclasses import dataclass

SILENT_S = 4.0
"""A concentrator that has not answered for so long is left, if another one answers."""
STEADY_S = 30.0
"""One that is preferred is gone back to once it has answered without such a silence for so long."""


@dataclass(slots=True)
class _Heard:
    last: float
    since: float
    """Since when it has answered without a silence."""


class Failover:
    """Chooses by the given order among those that answer; ``now`` is monotonic, in seconds.

    Invariants: with none that answers, the choice stays: whoever comes back first is used. A better one is gone back to
    only once it is steady, so that one that comes and goes takes no call along each time.
    """

    def __init__(self) -> None:
        self._order: tuple[str, ...] = ()
        self._heard: dict[str, _Heard] = {}
        self.used = ""
        """The concentrator in use; empty without any."""

    def take(self, order: Sequence[str]) -> None:
        """Choose among these from now on, the first one first; what was heard of those that stay still counts."""
        self._order = tuple(order)
        self._heard = {name: heard for name, heard in self._heard.items() if name in order}
        if self.used not in order:
            self.used = order[0] if order else ""

    def hear(self, name: str, now: float) -> None:
        """Note that a concentrator has answered; one that is not among those chosen from is nobody."""
        if name not in self._order:
            return
        heard = self._heard.get(name)
        if heard is None or now - heard.last >= SILENT_S:
            self._heard[name] = _Heard(now, now)
        else:
            heard.last = now

    def choose(self, now: float) -> str:
        """Return which one is used from now on; empty without any."""
        answering = [name for name in self._order if self.answers(name, now)]
        if not self.answers(self.used, now):
            self.used = answering[0] if answering else self.used
        else:
            better = self._order[: self._order.index(self.used)]
            steady = [name for name in better if self.answers(name, now) and now - self._heard[name].since >= STEADY_S]
            self.used = steady[0] if steady else self.used
        return self.used

    def answers(self, name: str, now: float, within_s: float = SILENT_S) -> bool:
        """Return whether a concentrator has answered in the last seconds."""
        heard = self._heard.get(name)
        return heard is not None and now - heard.last < within_s
