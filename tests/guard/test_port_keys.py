"""A key that was proved at a port counts for a request only where all that was seen of the request agrees."""

import pytest
from msgspec.structs import replace

from ringfence.guard.evidence import OnTheWire, ProvedKey, Shown, Sighting
from ringfence.guard.port_keys import proved_key
from support.guard_cases import ANNA, STRANGER

KEY = ProvedKey(ANNA, ("eth0", "rf-phone"), f"CP-9971-SEP{ANNA}")
SEEN = (Sighting(ANNA, "eth0", 64), Sighting(ANNA, "rf-phone", 64))
WIRE = OnTheWire(frames=SEEN, keys=(ProvedKey(STRANGER, ("eth0",), "SEP…"), KEY))
SHOWN = (Shown(ANNA, "rf-phone"),)


def test_the_key_of_who_asks_counts() -> None:
    assert proved_key(WIRE, SHOWN, 64, needs_frames=True) == KEY
    assert proved_key(replace(WIRE, frames=()), SHOWN, None, needs_frames=False) == KEY


@pytest.mark.parametrize(
    ("wire", "shown", "ttl"),
    [
        (replace(WIRE, keys=()), SHOWN, 64),
        (replace(WIRE, frames=()), SHOWN, 64),
        (WIRE, (), 64),
        (WIRE, (Shown(STRANGER, "rf-phone"),), 64),
        (WIRE, (*SHOWN, Shown(STRANGER, "rf-phone")), 64),
        (WIRE, (*SHOWN, Shown(ANNA, "wlan0")), 64),
        (replace(WIRE, frames=(*SEEN, Sighting(STRANGER, "rf-phone", 64))), SHOWN, 64),
        (replace(WIRE, frames=(*SEEN, Sighting(ANNA, "wlan0", 64))), SHOWN, 64),
        (replace(WIRE, frames=(Sighting(ANNA, "rf-phone", 63),)), SHOWN, 64),
        (WIRE, SHOWN, 63),
    ],
)
def test_it_counts_no_more_as_soon_as_anything_disagrees(wire: OnTheWire, shown: tuple[Shown, ...], ttl: int) -> None:
    assert proved_key(wire, shown, ttl, needs_frames=True) is None
