"""The clock of an analogue adapter: its own number for a zone, and whether its summer time moves the clock.

The numbers are those of the manufacturer's routers: hours, a running number, and the rule for summer time (0: none);
documented are those for Germany (+01 2 2) and the west of the United States [certain], the others are of the same list
in the manufacturer's published router sources [likely]. An adapter that knows Daylight_Saving_Time_Rule takes it before
its own rule (the administration guide of ATA 191 and ATA 192).
"""

from collections.abc import Mapping
from types import MappingProxyType

from ringfence.phones.settings.time_zones import offset_minutes, summer_rule

# Minutes east of UTC → the number of a zone without summer time, and of one with it; empty where the list has none.
_NUMBERS: Mapping[int, tuple[str, str]] = MappingProxyType(
    {
        -720: ("-12 1 0", ""), -660: ("-11 1 0", ""), -600: ("-10 1 0", ""), -540: ("", "-09 1 1"),
        -480: ("", "-08 1 1"), -420: ("-07 1 0", "-07 2 1"), -360: ("-06 1 0", "-06 2 1"),
        -300: ("-05 1 0", "-05 2 1"), -240: ("-04 1 0", "-04 2 1"), -210: ("", "-03.5 1 1"),
        -180: ("-03 1 0", "-03 2 1"), -120: ("-02 1 0", ""), -60: ("", "-01 1 2"), 0: ("+00 1 0", "+00 2 2"),
        60: ("+01 1 0", "+01 2 2"), 120: ("+02 1 0", "+02 2 2"), 180: ("+03 1 0", ""), 240: ("+04 1 0", ""),
        300: ("+05 1 0", ""), 330: ("+05.5 1 0", ""), 360: ("+06 1 0", ""), 420: ("+07 1 0", ""),
        480: ("+08 1 0", ""), 540: ("+09 1 0", ""), 570: ("", "+09.5 1 10"), 600: ("+10 1 0", "+10 2 4"),
        660: ("+11 1 0", ""), 720: ("+12 1 0", "+12 2 4"),
    }
)  # fmt: skip


def zone_number(zone: str) -> str:
    """Return the adapter's number of a zone; empty if it has none."""
    without, with_summer = _NUMBERS.get(offset_minutes(zone), ("", ""))
    return with_summer if summer_rule(zone) else without
