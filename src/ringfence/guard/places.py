"""Where each phone is: the address and the link at which it was last admitted, and what contradicts that.

The phone that was there stays, and the newcomer is refused: a machine that takes over a phone's MAC address while the
phone is on gets nothing. A phone that really moved is admitted once nothing confirms its old place any more. A phone
may have an IPv4 and an IPv6 address at the same time: each is a separate place.
"""

from dataclasses import dataclass

from cachetools import FIFOCache

from ringfence.guard.evidence import Contradiction, Evidence, PlaceConflict
from ringfence.guard.policy import plain_address

HOLDS_FOR_S = 120.0
"""How long a place counts after the phone took its last file from there, whatever the neighbour table says since."""
MOST_PLACES = 4096


@dataclass(frozen=True, slots=True)
class Place:
    """Where a phone was admitted, and when (the caller's clock, in seconds)."""

    host: str
    link: str
    at: float


class Places:
    """The places of the phones that were admitted recently; the oldest are dropped first."""

    def __init__(self) -> None:
        self._places: FIFOCache[tuple[str, bool], Place] = FIFOCache(MOST_PLACES)

    def conflict(
        self, mac: str, host: str, evidence: Evidence, *, is_still_there: bool, now: float
    ) -> PlaceConflict | None:
        """Return what a request for ``mac``'s own file, from ``host``, contradicts.

        ``is_still_there``: whether the neighbour table shows, as proven just now, the MAC address at its old place.
        A DHCP lease of the new address for this MAC address ends the old place.
        """
        place = self.place_of(mac, host)
        if place is None:
            return None
        is_kept = is_still_there or now - place.at < HOLDS_FOR_S
        has_lease = evidence.lease is not None and evidence.lease.mac == mac
        if place.host != host and is_kept and not has_lease:
            return PlaceConflict(Contradiction.TWO_ADDRESSES, place.host)
        links = {shown.link for shown in evidence.neighbours} | {seen.link for seen in evidence.frames}
        if place.link and links and place.link not in links and is_kept:
            return PlaceConflict(Contradiction.OTHER_LINK, place.link)
        return None

    def place_of(self, mac: str, host: str) -> Place | None:
        """Return where a phone was last admitted, among addresses of the same kind as ``host``."""
        return self._places.get(_key(mac, host))

    def note(self, mac: str, host: str, evidence: Evidence, now: float) -> None:
        """Remember that a phone was admitted."""
        link = next((shown.link for shown in evidence.neighbours), "")
        self._places[_key(mac, host)] = Place(host, link, now)


def _key(mac: str, host: str) -> tuple[str, bool]:
    address = plain_address(host)
    return mac, address is not None and address.version == 6  # noqa: PLR2004 - of the two there are
