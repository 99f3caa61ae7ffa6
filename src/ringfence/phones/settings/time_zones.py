"""Time zones: maps IANA names, which people use, to the names that Cisco's phones know.

The phones only know the names in ``CISCO_ZONES`` (PHONES.md section 4; the list is Cisco's own). Where Cisco's
documents give an offset that contradicts the name (E. Europe, GTB, Romance, Central Europe), the name's usual meaning
is taken for the eastern zones [likely] and "W. Europe", on which all sources agree, for the whole of UTC+1 [certain].
The setting cisco_time_zone overrides the choice for a phone that shows the wrong hour.
"""

from collections.abc import Mapping
from types import MappingProxyType

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

_BY_CISCO_NAME: Mapping[str, str] = MappingProxyType(
    {
        "Dateline Standard Time": "Etc/GMT+12",
        "Samoa Standard Time": "Pacific/Pago_Pago Pacific/Midway",
        "Hawaiian Standard Time": "Pacific/Honolulu Pacific/Tahiti",
        "Alaskan Standard/Daylight Time": "America/Anchorage America/Juneau",
        "Pacific Standard/Daylight Time": "America/Los_Angeles America/Vancouver America/Tijuana",
        "Mountain Standard/Daylight Time": "America/Denver America/Edmonton America/Boise",
        "US Mountain Standard Time": "America/Phoenix America/Hermosillo",
        "Central Standard/Daylight Time": "America/Chicago America/Winnipeg America/Matamoros",
        "Canada Central Standard Time": "America/Regina America/Mexico_City America/Costa_Rica America/Guatemala",
        "SA Pacific Standard Time": "America/Bogota America/Lima America/Panama America/Jamaica",
        "Eastern Standard/Daylight Time": "America/New_York America/Toronto America/Detroit "
        "America/Indiana/Indianapolis",
        "Atlantic Standard/Daylight Time": "America/Halifax Atlantic/Bermuda",
        "SA Western Standard Time": "America/Caracas America/La_Paz America/Puerto_Rico America/Manaus",
        "Newfoundland Standard/Daylight Time": "America/St_Johns",
        "SA Eastern Standard Time": "America/Argentina/Buenos_Aires America/Sao_Paulo America/Montevideo",
        "Azores Standard/Daylight Time": "Atlantic/Azores",
        "GMT Standard/Daylight Time": "Europe/London Europe/Dublin Europe/Lisbon Atlantic/Canary",
        "Greenwich Standard Time": "Etc/UTC UTC Atlantic/Reykjavik Africa/Accra Africa/Dakar",
        "W. Europe Standard/Daylight Time": "Europe/Berlin Europe/Vienna Europe/Zurich Europe/Amsterdam "
        "Europe/Brussels Europe/Luxembourg Europe/Paris Europe/Madrid Europe/Rome Europe/Malta Europe/Monaco "
        "Europe/Copenhagen Europe/Oslo Europe/Stockholm Europe/Prague Europe/Bratislava Europe/Budapest "
        "Europe/Warsaw Europe/Ljubljana Europe/Zagreb Europe/Sarajevo Europe/Belgrade Europe/Skopje Europe/Tirane",
        "GTB Standard/Daylight Time": "Europe/Athens Europe/Bucharest Europe/Sofia Europe/Helsinki Europe/Tallinn "
        "Europe/Riga Europe/Vilnius Europe/Kyiv Europe/Chisinau Asia/Nicosia",
        "Egypt Standard/Daylight Time": "Africa/Cairo",
        "South Africa Standard Time": "Africa/Johannesburg Africa/Harare Africa/Maputo Africa/Lusaka",
        "Jerusalem Standard/Daylight Time": "Asia/Jerusalem",
        "Saudi Arabia Standard Time": "Asia/Riyadh Asia/Kuwait Asia/Qatar Asia/Baghdad Africa/Nairobi "
        "Europe/Istanbul Europe/Moscow Europe/Minsk",
        "Arabian Standard Time": "Asia/Dubai Asia/Muscat Asia/Baku Asia/Yerevan Asia/Tbilisi Indian/Mauritius",
        "Afghanistan Standard Time": "Asia/Kabul",
        "West Asia Standard Time": "Asia/Karachi Asia/Tashkent Asia/Almaty",
        "Ekaterinburg Standard Time": "Asia/Yekaterinburg",
        "India Standard Time": "Asia/Kolkata Asia/Colombo",
        "Central Asia Standard Time": "Asia/Dhaka Asia/Omsk Asia/Bishkek",
        "SE Asia Standard Time": "Asia/Bangkok Asia/Jakarta Asia/Ho_Chi_Minh Asia/Novosibirsk",
        "Taipei Standard Time": "Asia/Taipei Asia/Shanghai Asia/Hong_Kong Asia/Singapore Asia/Kuala_Lumpur "
        "Asia/Manila Australia/Perth",
        "Tokyo Standard Time": "Asia/Tokyo Asia/Seoul",
        "Cen. Australia Standard/Daylight Time": "Australia/Adelaide",
        "AUS Central Standard Time": "Australia/Darwin",
        "E. Australia Standard Time": "Australia/Brisbane",
        "AUS Eastern Standard/Daylight Time": "Australia/Sydney Australia/Melbourne Australia/Canberra",
        "West Pacific Standard Time": "Pacific/Guam Pacific/Port_Moresby Asia/Vladivostok",
        "Tasmania Standard/Daylight Time": "Australia/Hobart",
        "Central Pacific Standard Time": "Pacific/Guadalcanal Pacific/Noumea",
        "Fiji Standard Time": "Pacific/Fiji",
        "New Zealand Standard/Daylight Time": "Pacific/Auckland",
    }
)

CISCO_ZONE: Mapping[str, str] = MappingProxyType(
    dict(sorted((iana, cisco) for cisco, names in _BY_CISCO_NAME.items() for iana in names.split()))
)
"""IANA name → Cisco name."""

# Cisco name → minutes east of UTC in winter, and which rule moves the clock in summer (as in force in 2026).
_OFFSETS: Mapping[str, tuple[int, str]] = MappingProxyType(
    {
        "Dateline Standard Time": (-720, ""),
        "Samoa Standard Time": (-660, ""),
        "Hawaiian Standard Time": (-600, ""),
        "Alaskan Standard/Daylight Time": (-540, "us"),
        "Pacific Standard/Daylight Time": (-480, "us"),
        "Mountain Standard/Daylight Time": (-420, "us"),
        "US Mountain Standard Time": (-420, ""),
        "Central Standard/Daylight Time": (-360, "us"),
        "Canada Central Standard Time": (-360, ""),
        "SA Pacific Standard Time": (-300, ""),
        "Eastern Standard/Daylight Time": (-300, "us"),
        "Atlantic Standard/Daylight Time": (-240, "us"),
        "SA Western Standard Time": (-240, ""),
        "Newfoundland Standard/Daylight Time": (-210, "us"),
        "SA Eastern Standard Time": (-180, ""),
        "Azores Standard/Daylight Time": (-60, "eu"),
        "GMT Standard/Daylight Time": (0, "eu"),
        "Greenwich Standard Time": (0, ""),
        "W. Europe Standard/Daylight Time": (60, "eu"),
        "GTB Standard/Daylight Time": (120, "eu"),
        "Egypt Standard/Daylight Time": (120, "eg"),
        "South Africa Standard Time": (120, ""),
        "Jerusalem Standard/Daylight Time": (120, "il"),
        "Saudi Arabia Standard Time": (180, ""),
        "Iran Standard/Daylight Time": (210, ""),
        "Arabian Standard Time": (240, ""),
        "Afghanistan Standard Time": (270, ""),
        "West Asia Standard Time": (300, ""),
        "Ekaterinburg Standard Time": (300, ""),
        "India Standard Time": (330, ""),
        "Central Asia Standard Time": (360, ""),
        "SE Asia Standard Time": (420, ""),
        "Taipei Standard Time": (480, ""),
        "Tokyo Standard Time": (540, ""),
        "Cen. Australia Standard/Daylight Time": (570, "au"),
        "AUS Central Standard Time": (570, ""),
        "E. Australia Standard Time": (600, ""),
        "AUS Eastern Standard/Daylight Time": (600, "au"),
        "West Pacific Standard Time": (600, ""),
        "Tasmania Standard/Daylight Time": (600, "au"),
        "Central Pacific Standard Time": (660, ""),
        "Fiji Standard Time": (720, ""),
        "New Zealand Standard/Daylight Time": (720, "nz"),
    }
)
# Month, day, weekday (7 is Sunday), hour: the weekday on or after the day; day -1 is the month's last such weekday.
_SUMMER_RULES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "us": ("3/8/7/2", "11/1/7/2"),
        "il": ("3/23/5/2", "10/-1/7/2"),
        "eg": ("4/-1/5/0", "10/-1/4/24"),
        "au": ("10/1/7/2", "4/1/7/3"),
        "nz": ("9/-1/7/2", "4/1/7/3"),
    }
)


def offset_minutes(zone: str) -> int:
    """Return how far a zone of ``CISCO_ZONE`` is east of UTC in winter, in minutes.

    Where places of one Cisco name differ in time (Sri Lanka, Almaty, Perth), the name's own offset is taken.
    """
    return _OFFSETS[CISCO_ZONE[zone]][0]


def gmt_name(zone: str) -> str:
    """Return a zone as SPA and MPP phones write it: ``GMT+01:00``."""
    minutes = offset_minutes(zone)
    sign = "-" if minutes < 0 else "+"
    return f"GMT{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def summer_rule(zone: str) -> str:
    """Return when a zone has summer time, as SPA and MPP phones write it; empty if it has none."""
    minutes, rule = _OFFSETS[CISCO_ZONE[zone]]
    if not rule:
        return ""
    if rule == "eu":  # at 01:00 UTC everywhere
        start, end = f"3/-1/7/{1 + minutes // 60}", f"10/-1/7/{2 + minutes // 60}"
    else:
        start, end = _SUMMER_RULES[rule]
    return f"start={start};end={end};save=1"
