"""What a caller may ask for: everything, only reading what holds no secret, or only the metrics.

It is decided in one place, before a handler or a byte of the body, by method and path. What is not said here is
refused to whom it is not meant for: a new route that changes something is for ``admin`` alone.
"""

from collections.abc import Iterable
from enum import StrEnum


class TokenScope(StrEnum):
    """What a caller may do."""

    ADMIN = "admin"
    READ = "read"
    METRICS = "metrics"


OPEN_PATHS = frozenset({"/authority.pem", "/healthz", "/readyz"})
"""Paths that anybody may read."""

METRICS = "/metrics"
_V1 = "/api/v1"
_WHOAMI = f"{_V1}/whoami"
_READING = frozenset({"GET", "HEAD"})

NOT_TO_READ = (f"{_V1}/templates", f"{_V1}/alert-channels")
"""What is below these may hold a secret that the hub does not know as one: a text or a URL that somebody wrote."""


def may(scope: TokenScope, method: str, path: str) -> bool:
    """Return whether callers of this scope may use a path by a method."""
    match scope:
        case TokenScope.ADMIN:
            return True
        case TokenScope.READ:
            return method in _READING and not _is_below(path, NOT_TO_READ)
        case TokenScope.METRICS:
            return method in _READING and path in {METRICS, _WHOAMI, *OPEN_PATHS}


def _is_below(path: str, places: Iterable[str]) -> bool:
    return any(path == place or path.startswith(place + "/") for place in places)
