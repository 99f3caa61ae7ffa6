"""What the hub keeps between two orders of a certificate: how often it asked, why it failed, what is left to clean up.

It is one small file, replaced at once; whoever stops the hub at any moment finds the old state or the new one.
"""

import json
import math
from dataclasses import asdict, dataclass, field, replace
from typing import Self

from ringfence.hub.data.folder import DataFolder, replace_file
from ringfence.hub.data.listener_files import ACME

MOST_ORDERS_A_DAY = 5
DAY_S = 86_400.0
LONGEST_WAIT_S = 7 * DAY_S
"""The longest that a CA's word or a clock that was wrong holds the next order up."""
WAITS_S = (300.0, 3600.0, 6 * 3600.0, DAY_S)
"""How long the hub waits after so many failures in a row."""
_LONGEST_PROBLEM = 600
_MOST_RECORDS = 40


@dataclass(frozen=True, slots=True)
class AcmeState:
    """How the orders went."""

    ordered_at: tuple[float, ...] = ()
    """When orders began within the last day, in Unix seconds."""
    failures: int = 0
    """How many have failed in a row."""
    failing_since: float | None = None
    next_at: float = 0.0
    """When the next may begin."""
    problem: str = ""
    """Why the last one failed; empty after a good one."""
    records: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Names and values of records in the DNS that are to be removed."""

    def may_begin(self, now: float) -> bool:
        """Return whether an order may begin: the wait is over, and today's are not too many.

        What a wrong clock wrote does not hold for longer than ``LONGEST_WAIT_S``, or a day.
        """
        waits = 0 < self.next_at - now <= LONGEST_WAIT_S
        return not waits and self.has_orders_left(now)

    def has_orders_left(self, now: float) -> bool:
        """Return whether today's orders are not used up."""
        return len(self._of_a_day(now)) < MOST_ORDERS_A_DAY

    def begun(self, now: float) -> Self:
        """Return it with an order that begins now; were the hub to die in it, the next one waits all the same."""
        return replace(self, ordered_at=(*self._of_a_day(now), now), next_at=now + WAITS_S[0])

    def failed(self, now: float, problem: str, retry_after_s: float = 0.0) -> Self:
        """Return it after an order that failed."""
        wait_s = max(WAITS_S[min(self.failures, len(WAITS_S) - 1)], min(retry_after_s, LONGEST_WAIT_S))
        since = now if self.failing_since is None else self.failing_since
        return replace(
            self, failures=self.failures + 1, failing_since=since, next_at=now + wait_s,
            problem=problem[:_LONGEST_PROBLEM],
        )  # fmt: skip

    def done(self) -> Self:
        """Return it after an order that went well."""
        return replace(self, failures=0, failing_since=None, next_at=0.0, problem="")

    def _of_a_day(self, now: float) -> tuple[float, ...]:
        return tuple(each for each in self.ordered_at if abs(now - each) < DAY_S)[-MOST_ORDERS_A_DAY:]


def read(folder: DataFolder) -> AcmeState:
    """Return what was kept; a new state where there is none, or it can't be read."""
    try:
        found = json.loads((folder.path / ACME / "state.json").read_text("utf-8"))
        return AcmeState(
            tuple(map(_time, found["ordered_at"]))[-MOST_ORDERS_A_DAY:], int(found["failures"]),
            None if found["failing_since"] is None else _time(found["failing_since"]), _time(found["next_at"]),
            str(found["problem"])[:_LONGEST_PROBLEM],
            tuple((str(name), str(value)) for name, value in found["records"])[:_MOST_RECORDS],
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError):
        return AcmeState()


def write(folder: DataFolder, state: AcmeState) -> None:
    """Keep a state.

    Raises:
        DataFolderUnusable: The folder can't be written.
    """
    (folder.path / ACME).mkdir(mode=0o700, exist_ok=True)
    replace_file(folder.path / ACME / "state.json", json.dumps(asdict(state)).encode() + b"\n")


def _time(value: object) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("no time")
    return float(value)
