"""How a running hub's background jobs go, for those who run it. Each process knows its own alone.

Most are done by one process of several (``store/server_sessions.py``); in the others they wait for their turn.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

_LATE_S = 120.0
"""By how much a job may be late on a busy machine."""
_LONGEST_PROBLEM = 300


@dataclass(slots=True)
class JobState:
    """How one job goes."""

    does: str
    """What it does, in words."""
    every_s: float
    due_from: float
    """When it began, or last came to an end, by the monotonic clock; its next turn is due ``every_s`` later."""
    ended_at: float | None = None
    """When its last turn ended, well or not; None before the first."""
    failing_since: float | None = None
    """When the first of the turns ended that have failed since the last good one."""
    problem: str = ""
    """What went wrong in its last turn."""
    is_elsewhere: bool = False
    """Whether another process of the hub does it."""

    @property
    def is_late(self) -> bool:
        """Whether its next turn should have ended by now, however the wall clock was put."""
        return time.monotonic() > self.due_from + self.every_s + _LATE_S


class JobStates:
    """How the jobs of this process go; written by its loop, read by its threads."""

    def __init__(self) -> None:
        self._states: dict[str, JobState] = {}

    def begin(self, does: str, every_s: float) -> None:
        """Note that a job begins, which does something every so many seconds."""
        self._states[does] = JobState(does, every_s, time.monotonic())

    def ended(self, does: str, now: float, problems: Sequence[str] = ()) -> None:
        """Note that a turn of a job has ended, and what went wrong in it."""
        state = self._states[does]
        state.ended_at, state.due_from = now, time.monotonic()
        if not problems:
            state.failing_since, state.problem = None, ""
            return
        more = f" ({len(problems) - 1} more)" if len(problems) > 1 else ""
        state.problem = f"{problems[0][:_LONGEST_PROBLEM]}{more}"
        if state.failing_since is None:
            state.failing_since = now

    def give(self, does: str, *, is_elsewhere: bool) -> None:
        """Note whether another process does a job from now on; only where that changes it counts anew."""
        state = self._states[does]
        if is_elsewhere:
            state.due_from, state.failing_since, state.problem = time.monotonic(), None, ""
        state.is_elsewhere = is_elsewhere

    @property
    def is_stuck(self) -> bool:
        """Whether a job that this process does should have ended long ago."""
        return any(state.is_late and not state.is_elsewhere for state in self._states.values())

    def all(self) -> Sequence[JobState]:
        """Return each job, in the order in which they began."""
        return list(self._states.values())
