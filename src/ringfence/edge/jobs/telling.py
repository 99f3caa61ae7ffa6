"""What becomes of one job, told to the hub part by part; what the line loses is told again."""

import threading
import time
from collections.abc import Callable

from ringfence.edge.errors import HubRefused, HubUnreachable, JobOver
from ringfence.wire.job_messages import LARGEST_PART_BYTES, LARGEST_TEXT, EdgeJobState, JobNews, JobNewsAnswer

Post = Callable[[JobNews], JobNewsAnswer | None]
"""Sends news to the hub; None where the hub is too old to know jobs. HubUnreachable, HubRefused."""

TRIED_FOR_S = 900.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0


class JobTelling:
    """The news of one job, in order; used by one thread at a time."""

    def __init__(self, number: str, attempt: str, post: Post, stopping: threading.Event) -> None:
        self.number = number
        self.attempt = attempt
        self._post = post
        self.stopping = stopping
        """Set when the agent stops; whoever works for long looks at it."""
        self._part = 0
        self._room = LARGEST_TEXT

    def take(self) -> None:
        """Tell that the job begins.

        Raises:
            JobOver: Somebody has cancelled it, or has taken it.
        """
        self._tell(EdgeJobState.RUNNING)

    def text(self, text: str) -> None:
        """Tell text that was found, as far as there is room for it. JobOver."""
        if self._room <= 0:
            self.look()
            return
        cut = text[: self._room]
        self._room -= len(cut)
        self._tell(EdgeJobState.RUNNING, text=cut)

    def data(self, data: bytes) -> None:
        """Tell bytes that were found. JobOver."""
        for start in range(0, len(data), LARGEST_PART_BYTES):
            self._tell(EdgeJobState.RUNNING, data=data[start : start + LARGEST_PART_BYTES])

    def look(self) -> None:
        """Look whether somebody has cancelled the job. JobOver."""
        self._tell(EdgeJobState.RUNNING)

    def end(self, state: EdgeJobState, sentence: str) -> None:
        """Tell how the job ended. JobOver."""
        self._tell(state, sentence)

    def _tell(self, state: EdgeJobState, sentence: str = "", text: str = "", data: bytes = b"") -> None:
        sentence, text = (each.encode("utf-8", "replace").decode() for each in (sentence, text))
        news = JobNews(self.number, self.attempt, self._part, state, sentence[:500], text, data)
        self._part += 1
        pause_s, until = _FIRST_PAUSE_S, time.monotonic() + TRIED_FOR_S
        while True:
            try:
                answer = self._post(news)
            except HubUnreachable:
                if time.monotonic() > until or self.stopping.wait(pause_s):
                    raise JobOver("the hub can't be told what became of a job") from None
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
                continue
            except HubRefused as refused:
                raise JobOver(f"the hub does not take what became of a job: {refused.what}") from None
            if answer is None or not answer.goes_on:
                raise JobOver("the job was cancelled at the hub, or another has taken it")
            return
