"""The clock as Yealink's phones are told of it: ``+5:30``, and summer time by month, week, weekday and hour.

Names and values: wazo-provd-plugins (wazo_yealink, v86: ``_format_tz_info`` and its tests) [certain]. Minutes of a zone
as ``+5:30``: the maker's list of zones [likely].
"""

from collections.abc import Mapping

from ringfence.phones.settings.clock_rules import ClockChange, rule_of

NAMES = ("time_zone", "summer_time", "dst_time_type", "start_time", "end_time", "offset_time")
_LAST_HOUR = 23


def values_of(zone: str) -> Mapping[str, str]:
    """Return the values below ``local_time.`` that keep a phone's clock as in ``zone``."""
    rule = rule_of(zone)
    hours, minutes = divmod(abs(rule.offset), 60)
    sign = "" if not rule.offset else "-" if rule.offset < 0 else "+"
    offset = {"time_zone": f"{sign}{hours}" + (f":{minutes:02}" if minutes else "")}
    if rule.start is None or rule.end is None:
        return {**offset, "summer_time": "0"}
    return {
        **offset,
        "summer_time": "1",
        "dst_time_type": "1",
        "start_time": _date(rule.start),
        "end_time": _date(rule.end),
        "offset_time": str(rule.save),
    }


def _date(change: ClockChange) -> str:
    # A time outside of the day becomes its first or last hour: the form has no other day than the week's own.
    hour = min(max(change.minute // 60, 0), _LAST_HOUR)
    return f"{change.month}/{change.week}/{change.weekday or 7}/{hour}"
