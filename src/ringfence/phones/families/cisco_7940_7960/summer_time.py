"""Summer time as the 7940 and 7960 are told of it.

Left alone, the phone moves its clock by a rule of its own, which is out of date everywhere and wrong where there is no
summer time (PHONES.md section 13). Names and values: the manufacturer's administration guide 78-10497-02, page 3-26;
a switch that it shares with the files that Cisco's call manager for routers writes.
"""

from collections.abc import Mapping
from types import MappingProxyType

from ringfence.phones.settings.time_zones import summer_rule

NONE: Mapping[str, str] = MappingProxyType({"dst_auto_adjust": "0"})
_DAYS = ("", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_LAST = "8"
_DAYS_A_WEEK = 7
_END_OF_DAY = 24


def values_of(zone: str) -> Mapping[str, str]:
    """Return the values of the phone's file, by their names, that move the clock as in ``zone``."""
    rule = dict(part.split("=") for part in summer_rule(zone).split(";") if part)
    if not rule:
        return NONE
    return {
        "dst_auto_adjust": "1",
        "dst_offset": rule["save"],
        **_change("start", rule["start"]),
        **_change("stop", rule["end"]),
    }


def _change(which: str, rule: str) -> dict[str, str]:
    """Return when the clock is moved; ``rule`` is month, day, weekday and hour."""
    month, day, weekday, time = rule.split("/")
    hour = int(time.partition(":")[0])
    # The phone counts weeks: a weekday on or after the 8th is the second one in its month.
    week = _LAST if day.startswith("-") else str((int(day) - 1) // _DAYS_A_WEEK + 1)
    return {
        f"dst_{which}_month": month,
        f"dst_{which}_day": "0",
        f"dst_{which}_day_of_week": _DAYS[int(weekday)],
        f"dst_{which}_week_of_month": week,
        f"dst_{which}_time": "23:59" if hour == _END_OF_DAY else f"{hour:02}:00",
    }
