"""The clock as Snom's phones are told of it: seconds east of UTC, and summer time by month, week and weekday.

Form: wazo-provd-plugins (Snom, ``_format_tzinfo``): ``3600 03.05.07 02:00:00 10.05.07 03:00:00`` [certain].
"""

from ringfence.phones.settings.clock_rules import ClockChange, rule_of

_LAST_MINUTE = 23 * 60 + 59


def utc_offset(zone: str) -> str:
    """Return the seconds east of UTC in winter, with their sign."""
    return f"{60 * rule_of(zone).offset:+d}"


def summer_time(zone: str) -> str:
    """Return how many seconds summer time is, with its start and its end; empty if there is none."""
    rule = rule_of(zone)
    if rule.start is None or rule.end is None:
        return ""
    return f"{60 * rule.save} {_date(rule.start)} {_date(rule.end)}"


def _date(change: ClockChange) -> str:
    # A time outside of the day becomes its first or last minute: the form has no other day than the week's own.
    hour, minute = divmod(min(max(change.minute, 0), _LAST_MINUTE), 60)
    return f"{change.month:02}.{change.week:02}.{change.weekday or 7:02} {hour:02}:{minute:02}:00"
