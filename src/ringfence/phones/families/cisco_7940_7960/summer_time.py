"""Summer time as the 7940 and 7960 are told of it.

Left alone, the phone moves its clock by a rule of its own, which is out of date everywhere and wrong where there is no
summer time (PHONES.md section 13). Names and values: the manufacturer's administration guide 78-10497-02, page 3-26;
a switch that it shares with the files that Cisco's call manager for routers writes.
"""

from collections.abc import Mapping
from types import MappingProxyType

from ringfence.phones.settings.clock_rules import MINUTES_A_DAY, ClockChange, rule_of

NONE: Mapping[str, str] = MappingProxyType({"dst_auto_adjust": "0"})
_DAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
_LAST_OF_RULES, _LAST = 5, 8
_LAST_MINUTE = MINUTES_A_DAY - 1


def values_of(zone: str) -> Mapping[str, str]:
    """Return the values of the phone's file, by their names, that move the clock as in ``zone``."""
    rule = rule_of(zone)
    if rule.start is None or rule.end is None:
        return NONE
    return {
        "dst_auto_adjust": "1",
        "dst_offset": str(rule.save // 60),
        **_change("start", rule.start),
        **_change("stop", rule.end),
    }


def _change(which: str, change: ClockChange) -> dict[str, str]:
    """Return when the clock is moved.

    The phone has no form for a time outside the day: the next day's weekday is taken, which is a week early in the
    years in which it falls into the week after; the end of a month's last such day is its last minute.
    """
    days, minute = divmod(change.minute, MINUTES_A_DAY)
    if days and change.week == _LAST_OF_RULES:
        days, minute = 0, _LAST_MINUTE if days > 0 else 0
    return {
        f"dst_{which}_month": str(change.month),
        f"dst_{which}_day": "0",
        f"dst_{which}_day_of_week": _DAYS[(change.weekday + days) % len(_DAYS)],
        f"dst_{which}_week_of_month": str(_LAST if change.week == _LAST_OF_RULES else change.week),
        f"dst_{which}_time": f"{minute // 60:02}:{minute % 60:02}",
    }
