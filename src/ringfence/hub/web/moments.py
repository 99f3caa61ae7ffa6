"""Moments as pages show them: in words for people, in UTC for machines."""

from datetime import UTC, datetime

from ringfence.counted import counted

_NOW_S = 10
_LATEST = 253_402_300_799.0  # the end of the year 9999
_STEPS = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
_DAYS_IN_WORDS = 60


def iso(at: float) -> str:
    """Return a moment for machines, such as ``2026-11-29T12:40:05Z``."""
    return _moment(at).strftime("%Y-%m-%dT%H:%M:%SZ")


def utc(at: float) -> str:
    """Return a moment for people, such as ``29 Nov 2026, 12:40 UTC``."""
    return f"{_moment(at):%-d %b %Y, %H:%M} UTC"


def ago(at: float, now: float) -> str:
    """Return how long ago a moment was, or how far ahead it is; its day where that is long."""
    seconds = now - at
    if abs(seconds) < _NOW_S:
        return "just now"
    if abs(seconds) > _DAYS_IN_WORDS * 86_400:
        return f"{_moment(at):%-d %b %Y}"
    words = lasts(abs(seconds))
    return f"{words} ago" if seconds > 0 else f"in {words}"


def lasts(seconds: float) -> str:
    """Return a length of time in its largest whole unit, such as ``3 hours``."""
    size, unit = next((step for step in _STEPS if seconds >= step[0]), _STEPS[-1])
    return counted(int(seconds // size), unit)


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(min(max(at, 0.0), _LATEST), UTC)
