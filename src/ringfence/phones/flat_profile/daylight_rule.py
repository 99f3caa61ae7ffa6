"""Summer time as SPA and MPP phones read it: ``start=3/-1/7/2:0:0;end=10/-1/7/3:0:0;save=1``.

Month, day, weekday (7 is Sunday) and time; hours go from 0 to 23 (the administration guide of the SPA300 and SPA500
series, "Configuring Daylight Saving Time"; PHONES.md section 13).
"""

from ringfence.phones.settings.time_zones import summer_rule

_END_OF_DAY = "24"


def daylight_rule(zone: str) -> str:
    """Return when a zone has summer time; empty if it has none."""
    return ";".join(_part(part) for part in summer_rule(zone).split(";"))


def _part(part: str) -> str:
    date, slash, time = part.rpartition("/")
    if not slash:
        return part
    if time == _END_OF_DAY:
        return f"{date}/23:59:59"
    return f"{date}/{time}" if ":" in time else f"{date}/{time}:0:0"
