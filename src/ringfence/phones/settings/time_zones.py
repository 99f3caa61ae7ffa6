"""Time zones: maps IANA names, which people use, to the names that Cisco's phones know, and back.

The phones only know the names in ``CISCO_ZONES`` (PHONES.md section 4; the list is Cisco's own, and the same in
usecallmanagernz's page on SEPMAC.cnf.xml). An IANA name goes to the name that keeps the same time all year; where
none does, to the one that differs least, and ``difference`` says by how much.

What a name does is assumed where Cisco's documents give an offset that contradicts it (E. Europe, GTB, Romance,
Central Europe): its usual meaning for the eastern zones [likely] and "W. Europe", on which all sources agree, for the
whole of UTC+1 [certain]. What the phones take for the summer time of Egypt, Iran and the Mid-Atlantic is [unknown].
The setting cisco_time_zone overrides the choice for a phone that shows the wrong hour.
"""

import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from ringfence.phones.settings.clock_rules import ClockRule, rule_of, zone_names

_CISCO_NAMES: tuple[str, ...] = (
    "Dateline Standard Time",
    "Samoa Standard Time",
    "Hawaiian Standard Time",
    "Alaskan Standard/Daylight Time",
    "Pacific Standard/Daylight Time",
    "Mountain Standard/Daylight Time",
    "US Mountain Standard Time",
    "Central Standard/Daylight Time",
    "Mexico Standard/Daylight Time",
    "Canada Central Standard Time",
    "SA Pacific Standard Time",
    "Eastern Standard/Daylight Time",
    "US Eastern Standard Time",
    "Atlantic Standard/Daylight Time",
    "SA Western Standard Time",
    "Pacific SA Standard Time",
    "Newfoundland Standard/Daylight Time",
    "E. South America Standard/Daylight Time",
    "SA Eastern Standard Time",
    "Pacific SA Daylight Time",
    "Mid-Atlantic Standard/Daylight Time",
    "Azores Standard/Daylight Time",
    "GMT Standard/Daylight Time",
    "Greenwich Standard Time",
    "W. Europe Standard/Daylight Time",
    "GTB Standard/Daylight Time",
    "Egypt Standard/Daylight Time",
    "E. Europe Standard/Daylight Time",
    "Romance Standard/Daylight Time",
    "Central Europe Standard/Daylight Time",
    "South Africa Standard Time",
    "Jerusalem Standard/Daylight Time",
    "Saudi Arabia Standard Time",
    "Russian Standard/Daylight Time",
    "Iran Standard/Daylight Time",
    "Caucasus Standard/Daylight Time",
    "Arabian Standard Time",
    "Afghanistan Standard Time",
    "West Asia Standard Time",
    "Ekaterinburg Standard Time",
    "India Standard Time",
    "Central Asia Standard Time",
    "SE Asia Standard Time",
    "China Standard/Daylight Time",
    "Taipei Standard Time",
    "Tokyo Standard Time",
    "Cen. Australia Standard/Daylight Time",
    "AUS Central Standard Time",
    "E. Australia Standard Time",
    "AUS Eastern Standard/Daylight Time",
    "West Pacific Standard Time",
    "Tasmania Standard/Daylight Time",
    "Central Pacific Standard Time",
    "Fiji Standard Time",
    "New Zealand Standard/Daylight Time",
)
CISCO_ZONES: frozenset[str] = frozenset(_CISCO_NAMES)
CISCO_ZONE_CHOICES: tuple[str, ...] = ("", *_CISCO_NAMES)

# How clocks go by each name that an IANA name may be mapped to, as POSIX writes it. Where several behave alike, the
# first is taken, but for the places in ``_PREFERRED``.
_RULES: Mapping[str, ClockRule] = MappingProxyType(
    {
        name: ClockRule.from_posix(rule)
        for name, rule in {
            "W. Europe Standard/Daylight Time": "CET-1CEST,M3.5.0,M10.5.0/3",
            "GMT Standard/Daylight Time": "GMT0BST,M3.5.0/1,M10.5.0",
            "Greenwich Standard Time": "GMT0",
            "GTB Standard/Daylight Time": "EET-2EEST,M3.5.0/3,M10.5.0/4",
            "South Africa Standard Time": "SAST-2",
            "Egypt Standard/Daylight Time": "EET-2EEST,M4.5.5/0,M10.5.4/24",
            "Jerusalem Standard/Daylight Time": "IST-2IDT,M3.4.4/26,M10.5.0",
            "Saudi Arabia Standard Time": "AST-3",
            "Iran Standard/Daylight Time": "IRST-3:30IRDT,M3.4.0/0,M9.4.0/0",
            "Arabian Standard Time": "GST-4",
            "Afghanistan Standard Time": "AFT-4:30",
            "West Asia Standard Time": "PKT-5",
            "Ekaterinburg Standard Time": "YEKT-5",
            "India Standard Time": "IST-5:30",
            "Central Asia Standard Time": "BDT-6",
            "SE Asia Standard Time": "ICT-7",
            "Taipei Standard Time": "CST-8",
            "Tokyo Standard Time": "JST-9",
            "AUS Central Standard Time": "ACST-9:30",
            "Cen. Australia Standard/Daylight Time": "ACST-9:30ACDT,M10.1.0,M4.1.0/3",
            "E. Australia Standard Time": "AEST-10",
            "West Pacific Standard Time": "ChST-10",
            "AUS Eastern Standard/Daylight Time": "AEST-10AEDT,M10.1.0,M4.1.0/3",
            "Tasmania Standard/Daylight Time": "AEST-10AEDT,M10.1.0,M4.1.0/3",
            "Central Pacific Standard Time": "SBT-11",
            "Fiji Standard Time": "FJT-12",
            "New Zealand Standard/Daylight Time": "NZST-12NZDT,M9.5.0,M4.1.0/3",
            "Mid-Atlantic Standard/Daylight Time": "<-02>2<-01>,M3.5.0,M9.5.0",
            "Azores Standard/Daylight Time": "<-01>1<+00>,M3.5.0/0,M10.5.0/1",
            "SA Eastern Standard Time": "<-03>3",
            "Newfoundland Standard/Daylight Time": "NST3:30NDT,M3.2.0,M11.1.0",
            "SA Western Standard Time": "<-04>4",
            "Atlantic Standard/Daylight Time": "AST4ADT,M3.2.0,M11.1.0",
            "SA Pacific Standard Time": "<-05>5",
            "Eastern Standard/Daylight Time": "EST5EDT,M3.2.0,M11.1.0",
            "Canada Central Standard Time": "CST6",
            "Central Standard/Daylight Time": "CST6CDT,M3.2.0,M11.1.0",
            "US Mountain Standard Time": "MST7",
            "Mountain Standard/Daylight Time": "MST7MDT,M3.2.0,M11.1.0",
            "Pacific Standard/Daylight Time": "PST8PDT,M3.2.0,M11.1.0",
            "Alaskan Standard/Daylight Time": "AKST9AKDT,M3.2.0,M11.1.0",
            "Hawaiian Standard Time": "HST10",
            "Samoa Standard Time": "SST11",
            "Dateline Standard Time": "<-12>12",
        }.items()
    }
)
_PREFERRED: Mapping[str, str] = MappingProxyType(
    {
        zone: name
        for name, zones in {
            "Tasmania Standard/Daylight Time": "Australia/Hobart Australia/Tasmania Australia/Currie "
            "Antarctica/Macquarie",
            "West Pacific Standard Time": "Pacific/Guam Pacific/Saipan Pacific/Port_Moresby Pacific/Chuuk Pacific/Truk "
            "Pacific/Yap Asia/Vladivostok Asia/Ust-Nera Antarctica/DumontDUrville",
            "Ekaterinburg Standard Time": "Asia/Yekaterinburg",
            "Egypt Standard/Daylight Time": "Africa/Cairo Egypt",
            "Iran Standard/Daylight Time": "Asia/Tehran Iran",
        }.items()
        for zone in zones.split()
    }
)
_MONTHS = range(1, 13)


def _minutes_apart(rule: ClockRule, other: ClockRule) -> tuple[int, ...]:
    """Return by how many minutes ``other`` is ahead of ``rule`` in the middle of each month."""
    return tuple(other.in_month(month) - rule.in_month(month) for month in _MONTHS)


@cache
def _nearest(rule: ClockRule) -> str:
    """Return the Cisco name that keeps the same time, or differs least over the year."""

    def distance(name: str) -> tuple[bool, int]:
        other = _RULES[name]
        return other != rule, sum(map(abs, _minutes_apart(rule, other)))

    return min(_RULES, key=distance)


CISCO_ZONE: Mapping[str, str] = MappingProxyType(
    {zone: _PREFERRED.get(zone) or _nearest(rule_of(zone)) for zone in zone_names()}
)
"""IANA name → Cisco name, for every IANA name."""


def difference(zone: str) -> str:
    """Return by how much a Cisco phone's clock is wrong in ``zone``, in words; empty if it is right all year.

    A clock that only changes on other days, or at another hour of the same day, counts as right.
    """
    apart = _minutes_apart(rule_of(zone), _RULES[CISCO_ZONE[zone]])
    wrong = sorted({minutes for minutes in apart if minutes}, key=abs)
    if not wrong:
        return ""
    most = wrong[-1]
    months = sum(map(bool, apart))
    span = "all year" if months == len(_MONTHS) else f"for {months} months of the year"
    return f"{'up to ' if len(wrong) > 1 else ''}{abs(most)} minutes {'ahead' if most > 0 else 'behind'} {span}"


def offset_minutes(zone: str) -> int:
    """Return how far an IANA zone is east of UTC in winter, in minutes."""
    return rule_of(zone).offset


def gmt_name(zone: str) -> str:
    """Return a zone as SPA and MPP phones write it: ``GMT+01:00``."""
    minutes = offset_minutes(zone)
    sign = "-" if minutes < 0 else "+"
    return f"GMT{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def summer_rule(zone: str) -> str:
    """Return when a zone has summer time, as SPA and MPP phones write it; empty if it has none."""
    return rule_of(zone).summer()


# The place that a zone's name in a file is read as: Cisco's names and those of Windows, without their last words.
_PLACES: Mapping[str, str] = MappingProxyType(
    {
        "Dateline": "Etc/GMT+12", "Samoa": "Pacific/Pago_Pago", "Hawaiian": "Pacific/Honolulu",
        "Alaskan": "America/Anchorage", "Pacific": "America/Los_Angeles", "Mountain": "America/Denver",
        "US Mountain": "America/Phoenix", "Central": "America/Chicago", "Mexico": "America/Mexico_City",
        "Canada Central": "America/Regina", "SA Pacific": "America/Bogota", "Eastern": "America/New_York",
        "US Eastern": "America/Indiana/Indianapolis", "Atlantic": "America/Halifax", "SA Western": "America/La_Paz",
        "Pacific SA": "America/Santiago", "Newfoundland": "America/St_Johns", "E. South America": "America/Sao_Paulo",
        "SA Eastern": "America/Argentina/Buenos_Aires", "Mid-Atlantic": "Atlantic/South_Georgia",
        "Azores": "Atlantic/Azores", "GMT": "Europe/London", "Greenwich": "Etc/GMT", "UTC": "Etc/UTC",
        "W. Europe": "Europe/Berlin", "GTB": "Europe/Athens", "Egypt": "Africa/Cairo", "E. Europe": "Europe/Bucharest",
        "Romance": "Europe/Paris", "Central Europe": "Europe/Budapest", "Central European": "Europe/Warsaw",
        "FLE": "Europe/Helsinki", "South Africa": "Africa/Johannesburg", "Jerusalem": "Asia/Jerusalem",
        "Israel": "Asia/Jerusalem", "Saudi Arabia": "Asia/Riyadh", "Arab": "Asia/Riyadh", "Arabic": "Asia/Baghdad",
        "E. Africa": "Africa/Nairobi", "W. Central Africa": "Africa/Lagos", "Russian": "Europe/Moscow",
        "Turkey": "Europe/Istanbul", "Iran": "Asia/Tehran", "Caucasus": "Asia/Yerevan", "Arabian": "Asia/Dubai",
        "Afghanistan": "Asia/Kabul", "West Asia": "Asia/Tashkent", "Pakistan": "Asia/Karachi",
        "Ekaterinburg": "Asia/Yekaterinburg", "India": "Asia/Kolkata", "Sri Lanka": "Asia/Colombo",
        "Nepal": "Asia/Kathmandu", "Myanmar": "Asia/Yangon", "Central Asia": "Asia/Dhaka", "SE Asia": "Asia/Bangkok",
        "China": "Asia/Shanghai", "Singapore": "Asia/Singapore", "Taipei": "Asia/Taipei",
        "W. Australia": "Australia/Perth", "Tokyo": "Asia/Tokyo", "Korea": "Asia/Seoul",
        "Cen. Australia": "Australia/Adelaide", "AUS Central": "Australia/Darwin", "E. Australia": "Australia/Brisbane",
        "AUS Eastern": "Australia/Sydney", "West Pacific": "Pacific/Port_Moresby", "Tasmania": "Australia/Hobart",
        "Central Pacific": "Pacific/Guadalcanal", "Fiji": "Pacific/Fiji", "New Zealand": "Pacific/Auckland",
        "Tonga": "Pacific/Tongatapu", "Argentina": "America/Argentina/Buenos_Aires", "Venezuela": "America/Caracas",
    }
)  # fmt: skip
_SUFFIX = re.compile(r"\s+(?:standard/daylight|standard|daylight|summer)\s+time$")


@cache
def _by_lower_name() -> Mapping[str, str]:
    return MappingProxyType(
        {zone.lower(): zone for zone in zone_names()} | {name.lower(): zone for name, zone in _PLACES.items()}
    )


def zone_of_file(text: str) -> str | None:
    """Return the IANA name for a zone as a phone's file names it, None if nobody knows the name.

    Taken are Cisco's names, those of Windows that files use in their place, either of them with or without
    ``Standard``, ``Daylight`` or both (``SE Asia Standard/Daylight Time``), and IANA names; in any case of letters. A
    name without its summer time reads as the place: ``GMT Standard Time`` is London.
    """
    lower = " ".join(text.lower().split())
    place = _SUFFIX.sub("", lower)
    if lower == "pacific sa daylight time":  # Cisco's own entry: the summer time, all year
        return "America/Argentina/Buenos_Aires"
    return _by_lower_name().get(place if place != lower else lower)
