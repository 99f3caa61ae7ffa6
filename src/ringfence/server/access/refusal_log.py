"""Refusals told once, however often they happen: a stranger must not choose how long our log grows.

The same source, name and reason is told at once, and then once more after a window with the count of what came since.
A source that asks for many names is told by name up to a limit, and as one line beyond it.
"""

from dataclasses import dataclass

from msgspec.structs import replace

from ringfence.server.events import RequestRefused

WINDOW_S = 60.0
NAMES_PER_SOURCE = 20
SOURCES = 512
OTHER_NAMES = "(other names)"
OTHER_SOURCES = "(other sources)"


@dataclass(slots=True)
class _Counted:
    first: RequestRefused
    since: int = 0


class RefusalLog:
    """What was refused recently. Memory is bounded by SOURCES times NAMES_PER_SOURCE."""

    def __init__(self) -> None:
        self._by_source: dict[str, dict[tuple[str, str], _Counted]] = {}
        self._window_ends_at: float | None = None

    def note(self, refused: RequestRefused) -> RequestRefused | None:
        """Count ``refused``; return what to report now, or None if it is only counted."""
        if self._window_ends_at is None:
            self._window_ends_at = refused.at + WINDOW_S
        host = refused.peer_host
        if host not in self._by_source and len(self._by_source) >= SOURCES:
            host = OTHER_SOURCES
        names = self._by_source.setdefault(host, {})
        key = (refused.name, refused.finding)
        if key not in names and (len(names) >= NAMES_PER_SOURCE or host == OTHER_SOURCES):
            key = (OTHER_NAMES, "")
        if (counted := names.get(key)) is not None:
            counted.since += 1
            return None
        if (name := key[0]) == OTHER_NAMES:
            refused = replace(
                refused, peer_host=host, name=name, reason=f"Refused more names to {host}; latest: {refused.reason}"
            )
        names[key] = _Counted(refused)
        return refused

    def flush(self, at: float) -> list[RequestRefused]:
        """Return what was only counted, once the window has ended, and begin a new one."""
        if self._window_ends_at is None or at < self._window_ends_at:
            return []
        told = [
            replace(counted.first, at=at, count=counted.since)
            for names in self._by_source.values()
            for counted in names.values()
            if counted.since
        ]
        self._by_source.clear()
        self._window_ends_at = None
        return told
