"""Which zone a clock is of that a file describes by its offset and its summer time."""

from collections.abc import Callable

from ringfence.phones.settings.clock_rules import zone_names

_USUAL_ZONES = (
    "Europe/Berlin", "Europe/London", "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles",
    "Etc/UTC", "Australia/Sydney", "Asia/Tokyo", "Asia/Singapore",
)  # fmt: skip
"""Which of several zones with one clock a file is taken to mean."""


def zone_where(fits: Callable[[str], bool]) -> str:
    """Return a zone that fits, a usual one if there is one; empty if none does."""
    usual = next(filter(fits, _USUAL_ZONES), "")
    return usual or next(filter(fits, zone_names()), "")
