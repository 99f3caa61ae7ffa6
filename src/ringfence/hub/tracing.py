"""Traces: one line of time from an edit to the phone that took what came of it, told to a collector of OpenTelemetry.

A trace has to outlive requests and processes: an edit may be published a day later, and its phone may ask for its file
a week after that. So what a trace goes on from is kept with the edit's entry in the audit log and with the release, as
its ``traceparent`` (https://www.w3.org/TR/trace-context/#traceparent-header). Edges know nothing of it: what they do
is told by the hub, from their reports. This module knows no library; ``hub/open_telemetry.py`` does.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Final, Protocol

_TRACEPARENT: Final = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_CURRENT: ContextVar[str] = ContextVar("traceparent", default="")

Attributes = Mapping[str, str | int]
NOTHING: Final[Attributes] = MappingProxyType({})


class Span(Protocol):
    """A part of a trace. One that is never ended is never told."""

    @property
    def traceparent(self) -> str:
        """What parts that come of it go on from; empty where nothing is traced."""

    def end(self, *, at: float | None = None, name: str = "", attributes: Attributes = NOTHING) -> None:
        """End it, now or at a time in Unix seconds, and tell it; another ``name`` takes the place of the first."""


class Traces(Protocol):
    """Where traces are told."""

    @property
    def are_told(self) -> bool:
        """Whether there is somebody to tell."""

    def begin(
        self,
        name: str,
        /,
        *,
        parent: str = "",
        links: Sequence[str] = (),
        attributes: Attributes = NOTHING,
        at: float | None = None,
    ) -> Span:
        """Begin a span.

        Args:
            name: What is done.
            parent: The ``traceparent`` that it comes of; empty for a new trace.
            links: Those that it has to do with besides.
            attributes: What is told of it; nothing secret.
            at: When it began, in Unix seconds; None for now.
        """

    def close(self) -> None:
        """Tell what is not told yet, and end."""


class _NoSpan:
    traceparent = ""

    def end(self, **_about: object) -> None:
        """Nobody is told."""


class _NoTraces:
    are_told = False

    def begin(self, _name: str, /, **_about: object) -> Span:
        """Nobody is told."""
        return _NO_SPAN

    def close(self) -> None:
        """Nothing is open."""


_NO_SPAN = _NoSpan()
NO_TRACES: Traces = _NoTraces()
"""For a hub that tells nobody."""


def current() -> str:
    """Return the ``traceparent`` of the request that is being handled; empty where it is none, or not traced."""
    return _CURRENT.get()


@contextmanager
def within(traceparent: str) -> Iterator[None]:
    """Have what is done in the block, also in threads that are started from it, come of a span."""
    token = _CURRENT.set(traceparent)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def is_traceparent(text: str) -> bool:
    """Return whether a text is a ``traceparent`` of version 00, whose ids are not zero."""
    return _TRACEPARENT.fullmatch(text) is not None
