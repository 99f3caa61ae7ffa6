"""Quiet hours of an alert channel: what happens in them is told at their end, all of it together."""

import datetime as dt
import re
import zoneinfo
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from ringfence.hub.errors import NameRefused

LONGEST_TEXT = 11
_FORM = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From one time of day to another, which may be the next day's, in a time zone."""

    begin: dt.time
    end: dt.time
    zone: ZoneInfo

    def over(self, at: float) -> float:
        """Return the moment from which nothing is quiet: ``at``, or the end of the quiet hours that it is in."""
        local = dt.datetime.fromtimestamp(at, self.zone)
        now = local.time()
        is_overnight = self.begin > self.end
        if not ((now >= self.begin or now < self.end) if is_overnight else self.begin <= now < self.end):
            return at
        day = local.date() + dt.timedelta(days=1 if is_overnight and now >= self.begin else 0)
        return max(dt.datetime.combine(day, self.end, self.zone).timestamp(), at)


def parse(text: str, zone: str) -> QuietHours | None:
    """Return the quiet hours that ``22:00-07:00`` says, in the time zone with an IANA name; None for an empty text.

    Raises:
        NameRefused: It is none, or there is no such zone.
    """
    if not text:
        if zone:
            raise NameRefused("a time zone is for quiet hours only", to_do="Give quiet hours too, as in 22:00-07:00.")
        return None
    found = _FORM.fullmatch(text)
    if found is None:
        raise NameRefused(f"{text[:40]!r} are no quiet hours", to_do="Write them as in 22:00-07:00.")
    begin, end = dt.time(int(found[1]), int(found[2])), dt.time(int(found[3]), int(found[4]))
    if begin == end:
        raise NameRefused("quiet hours can't be the whole day", to_do="Remove the channel instead.")
    try:
        return QuietHours(begin, end, ZoneInfo(zone or "UTC"))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):  # OSError for the name of a folder, such as Europe
        to_do = "Write an IANA name, as in Europe/Berlin."
        raise NameRefused(f"there is no time zone {zone[:40]!r}", to_do=to_do) from None
