"""What is known about the sender of a request: each part as it was observed, without conclusions.

The code that gathers evidence fills in what it has. A missing part proves nothing, and only matters for files that need
it. MAC addresses are bare: twelve upper-case hexadecimal digits. Times are Unix seconds. The classes are messages: they
go between an edge's processes, and into records of decisions, unchanged.
"""

from collections.abc import Collection
from enum import StrEnum

from msgspec import Struct

FIRST_HOPS = frozenset({32, 60, 64, 128, 255})
"""The TTLs that IP stacks begin with: a packet that has one of them passed no router, or somebody has counted."""


class Shown(Struct, frozen=True, array_like=True):
    """A MAC address that the kernel's neighbour table of one link shows for the address that asks."""

    mac: str
    link: str = ""


class Sighting(Struct, frozen=True, array_like=True):
    """A frame that carried the request: who sent it, on which link, with which TTL."""

    mac: str
    link: str
    ttl: int = 0


class Announced(Struct, frozen=True, array_like=True):
    """What the machine at a MAC address said of itself over CDP or LLDP."""

    protocol: str
    mac: str
    device: str
    platform: str
    link: str


class Leased(Struct, frozen=True, array_like=True):
    """What the network's DHCP server holds of the address that asks."""

    mac: str
    hostname: str = ""
    vendor_class: str = ""


class AskedDhcp(Struct, frozen=True, array_like=True):
    """What the machine at a MAC address said of itself when it asked for an address (``guard.dhcp``)."""

    mac: str
    vendor_class: str
    options: tuple[int, ...] = ()


class ProvedKey(Struct, frozen=True, array_like=True):
    """The phone at a MAC address has proved the key of its certificate, by 802.1X, on these links.

    A port and the bridge that it is behind are two links. ``certificate`` is the name in it.
    """

    mac: str
    links: tuple[str, ...]
    certificate: str


class BehaviourPart(Struct, frozen=True, array_like=True):
    """One part of how well a source behaves like a phone: so many points of so many."""

    name: str
    points: int
    of: int
    why: str


class Behaviour(Struct, frozen=True, omit_defaults=True):
    """How a source behaved, by named parts."""

    parts: tuple[BehaviourPart, ...] = ()

    @property
    def score(self) -> int:
        """Points out of a hundred; 0 if nothing could be judged."""
        of = sum(part.of for part in self.parts)
        return round(100 * sum(part.points for part in self.parts) / of) if of else 0


class OnTheWire(Struct, frozen=True, omit_defaults=True):
    """What the agent adds to the worker's own evidence: it hears frames, knows leases, and what devices announce."""

    frames: tuple[Sighting, ...] = ()
    lease: Leased | None = None
    announced: Announced | None = None
    dhcp: AskedDhcp | None = None
    keys: tuple[ProvedKey, ...] = ()
    """Of all phones that are at this machine's ports, whoever asks."""


class Contradiction(StrEnum):
    """What can't be true of one phone at the same time: the newcomer is refused, the phone that was there stays."""

    TWO_SITES = "two-sites"
    TWO_ADDRESSES = "two-addresses"
    OTHER_LINK = "other-link"


class PlaceConflict(Struct, frozen=True, array_like=True):
    """A contradiction, with where the phone was before, as words: an address, a link, a site."""

    what: Contradiction
    before: str


class Grant(Struct, frozen=True, array_like=True):
    """A provisioning window for the phone that the file is for; ``bound_to`` is the address that it belongs to."""

    who: str
    until: float
    bound_to: str = ""


class CredentialState(StrEnum):
    """What came of a phone's provisioning credential in a request for the phone's own file."""

    MISSING = "missing"
    """The request bore none; the sender is asked for it."""
    WRONG = "wrong"
    RIGHT = "right"


class CredentialShown(Struct, frozen=True, array_like=True):
    """The state of the credential, and the serial number of the right one."""

    state: CredentialState
    serial: int = 0


class Evidence(Struct, frozen=True, omit_defaults=True):
    """What is known. ``known_owners`` are the MAC addresses of the site's phones: they only change a refusal's words.

    ``on_link``: the address is in the network of one of this machine's own links. ``learned``: why its network is known
    to belong to the site, in words. ``ttl``: that of the request. ``asked_frames`` says whether frames are watched at
    all: if they are, one must have been seen. ``holds_key``: for level L4, the phone's own key, proved by 802.1X or
    TLS; ``proved``: how, by 802.1X; ``certificate_of``: the phone whose certificate was shown over TLS, whosever file
    it is. ``credential``: None if the phone has none, or over a protocol that can't bear it.
    """

    known_owners: Collection[str] = frozenset()
    on_link: bool = False
    learned: str = ""
    neighbours: tuple[Shown, ...] = ()
    frames: tuple[Sighting, ...] = ()
    asked_frames: bool = False
    ttl: int | None = None
    lease: Leased | None = None
    announced: Announced | None = None
    dhcp: AskedDhcp | None = None
    behaviour: Behaviour = Behaviour()
    conflict: PlaceConflict | None = None
    grant: Grant | None = None
    holds_key: bool = False
    proved: ProvedKey | None = None
    credential: CredentialShown | None = None
    certificate_of: str = ""
    known_by: str = ""
    """By what the sender is known to be of the site, in words, where that proves no key."""

    @property
    def macs(self) -> frozenset[str]:
        """Every MAC address that a link shows for the address that asks."""
        return frozenset(shown.mac for shown in self.neighbours)


NOTHING_KNOWN = Evidence()
