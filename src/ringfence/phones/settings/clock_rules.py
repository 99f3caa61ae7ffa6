"""How clocks go in every time zone: the offset from UTC, and when summer time begins and ends.

The names and rules are those of the package ``tzdata``, not the machine's, so that every hub renders the same. Each of
its files ends with the rule that is in force from the last change on, as POSIX writes it (RFC 8536, section 3.3, and
POSIX, section 8.3): ``CET-1CEST,M3.5.0,M10.5.0/3``.
"""

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

MINUTES_A_DAY = 24 * 60
_LAST = 5
_PLACELESS = frozenset({"Factory"})  # a machine that nobody has set up
_NAME = r"(?:[A-Za-z]+|<[A-Za-z0-9+-]+>)"
_TIME = r"[+-]?\d+(?::\d\d)?"
_RULE = re.compile(rf"{_NAME}({_TIME})(?:{_NAME}({_TIME})?,(M[^,]+),(M[^,]+))?")
_CHANGE = re.compile(rf"M(\d+)\.(\d)\.(\d)(?:/({_TIME}))?")


@dataclass(frozen=True, slots=True)
class ClockChange:
    """A change of the clock, by the clock that holds before it.

    ``week`` is 1 to 4, or 5 for the month's last; ``weekday`` is 0 for Sunday; ``minute`` counts from that day's
    midnight, and may be before it or after the day.
    """

    month: int
    week: int
    weekday: int
    minute: int

    def as_date(self) -> str:
        """Return month, day, weekday and time as SPA and MPP phones write them: ``3/-1/7/2``.

        A weekday (7 is Sunday) on or after the day; day -1 is the month's last such weekday. The hour is 24 only for
        the end of a month's last weekday, which has no other form.
        """
        days, minute = divmod(self.minute, MINUTES_A_DAY)
        if self.week == _LAST:
            if self.minute == MINUTES_A_DAY:
                days, minute = 0, MINUTES_A_DAY
            day = -1 if not days else _MONTH_DAYS[self.month] - 6 + days
        else:
            day = 7 * (self.week - 1) + 1 + days
        hour, rest = divmod(minute, 60)
        time = f"{hour}:{rest:02}:0" if rest else str(hour)
        return f"{self.month}/{day}/{(self.weekday + days) % 7 or 7}/{time}"


_MONTH_DAYS = (0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True, slots=True)
class ClockRule:
    """Minutes east of UTC in winter, and the summer time, if there is one: minutes more, its start and its end."""

    offset: int
    save: int = 0
    start: ClockChange | None = None
    end: ClockChange | None = None

    @classmethod
    def from_posix(cls, text: str) -> "ClockRule":
        """Return the rule that a POSIX string states.

        Raises:
            ValueError: It isn't one of those that ``tzdata`` uses.
        """
        match = _RULE.fullmatch(text)
        if match is None:
            raise ValueError(text)
        standard, summer, start, end = match.groups()
        offset = -_minutes(standard)
        if start is None:
            return cls(offset)
        summer_offset = -_minutes(summer) if summer else offset + 60
        first, second = _change(start), _change(end)
        if summer_offset < offset:  # Ireland: its law calls the summer's time standard
            return cls(summer_offset, offset - summer_offset, second, first)
        return cls(offset, summer_offset - offset, first, second)

    def summer(self) -> str:
        """Return the summer time as SPA and MPP phones write it; empty if there is none."""
        if self.start is None or self.end is None:
            return ""
        hours, minutes = divmod(self.save, 60)
        save = f"{hours}:{minutes:02}:0" if minutes else str(hours)
        return f"start={self.start.as_date()};end={self.end.as_date()};save={save}"

    def in_month(self, month: int) -> int:
        """Return the minutes east of UTC in the middle of a month."""
        if self.start is None or self.end is None:
            return self.offset
        # No zone changes its clock between the 10th and the 20th, but for the second and third weeks' rules.
        begins, ends = (_middle_of_year(change) for change in (self.start, self.end))
        day = 30 * (month - 1) + 15
        is_summer = begins <= day < ends if begins < ends else not ends <= day < begins
        return self.offset + self.save * is_summer


def _middle_of_year(change: ClockChange) -> int:
    """Return about which day of the year a change is on, with 30 days to each month."""
    return 30 * (change.month - 1) + 7 * (change.week - 1) + 4


def _minutes(text: str) -> int:
    hours, _, minutes = text.lstrip("+-").partition(":")
    total = 60 * int(hours) + int(minutes or 0)
    return -total if text.startswith("-") else total


def _change(text: str) -> ClockChange:
    match = _CHANGE.fullmatch(text)
    if match is None:
        raise ValueError(text)
    month, week, weekday, time = match.groups()
    return ClockChange(int(month), int(week), int(weekday), _minutes(time or "2"))


@cache
def zone_names() -> tuple[str, ...]:
    """Return every IANA name of a time zone, aliases too, in alphabetical order."""
    listed = files("tzdata").joinpath("zones").read_text(encoding="ascii").split()
    return tuple(sorted(frozenset(listed) - _PLACELESS))


@cache
def rule_of(zone: str) -> ClockRule:
    """Return how clocks go today in a zone of ``zone_names``."""
    data = files("tzdata").joinpath("zoneinfo", *zone.split("/")).read_bytes()
    return ClockRule.from_posix(data.rstrip(b"\n").rpartition(b"\n")[2].decode("ascii"))
