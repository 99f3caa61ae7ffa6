"""What a site requires before it gives out a file: levels by kind of file, networks, and a phone's first contact."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from types import MappingProxyType

from ringfence.guard.levels import FileKind, Level

Network = IPv4Network | IPv6Network
GOOD_BEHAVIOUR = 60
"""From which score on a source reaches level L2."""


class FirstContact(StrEnum):
    """What a phone that was never admitted before needs, besides the level of its file."""

    ALLOW = "allow"
    """Nothing."""
    HOLD = "hold"
    """A person's approval."""
    WINDOW = "window"
    """To ask while a window for it is open."""
    DHCP = "dhcp"
    """To have asked for its address by DHCP as a phone does; otherwise a person's approval."""


NO_LEVELS: Mapping[FileKind, Level] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Policy:
    """What one site requires; a kind that is not named requires L0.

    If ``networks`` are named, an address outside them gets nothing, whatever it asks for. ``windows``: a file whose
    level can't be reached is given out within a provisioning window (gateway). ``held`` stops every phone's own file,
    and is the reason in words, such as that the edge has moved. ``never_admitted`` are phones that were never admitted,
    ``blocked`` those that a person has blocked; bare MAC addresses.
    """

    levels: Mapping[FileKind, Level] = field(default_factory=lambda: NO_LEVELS)
    networks: tuple[Network, ...] = ()
    first_contact: FirstContact = FirstContact.ALLOW
    windows: bool = False
    held: str = ""
    never_admitted: frozenset[str] = frozenset()
    blocked: frozenset[str] = frozenset()

    def needed(self, kind: FileKind) -> Level:
        """Return the level that a file of this kind needs."""
        return self.levels.get(kind, Level.L0) if self.levels else Level.L0

    @property
    def asks_for_evidence(self) -> bool:
        """Whether some file needs more than a request says, so that a refusal must not reveal what it was for."""
        return any(level >= Level.L2 for level in self.levels.values())


OPEN = Policy()
"""Every client gets every file: for a plain folder that its owner put on a network."""
EDGE_LEVELS: Mapping[FileKind, Level] = MappingProxyType(
    {
        FileKind.FIRMWARE: Level.L0,
        FileKind.SHARED: Level.L1,
        FileKind.CONFIGURATION: Level.L3,
        FileKind.SECRET: Level.L3,
    }
)
"""An edge on the phones' own wire."""
GATEWAY_LEVELS: Mapping[FileKind, Level] = MappingProxyType(
    {
        FileKind.FIRMWARE: Level.L1,
        FileKind.SHARED: Level.L1,
        FileKind.CONFIGURATION: Level.L2,
        FileKind.SECRET: Level.L4,
    }
)
"""A server that faces the internet: no address there proves a phone, so a secret needs its key, or a window.

Firmware is not secret, but a server that sent it to every address that asks would send it to forged addresses too.
"""

LISTENER_LEVELS: Mapping[FileKind, Level] = MappingProxyType(
    {
        FileKind.FIRMWARE: Level.L0,
        FileKind.SHARED: Level.L1,
        FileKind.CONFIGURATION: Level.L4,
        FileKind.SECRET: Level.L4,
    }
)
"""The hub's listener for phones: they show their certificate over TLS."""
UNPROVEN_LEVELS: Mapping[FileKind, Level] = MappingProxyType(
    {kind: min(level, Level.L1) for kind, level in LISTENER_LEVELS.items()}
)
"""There, for phones that have no certificate, and that somebody has given a key in their URL instead."""


def read_network(text: str) -> Network:
    """Return the network, or single address, that ``text`` names; ValueError if it is neither."""
    return ip_network(text.strip(), strict=False)


def plain_address(host: str) -> IPv4Address | IPv6Address | None:
    """Return an address without its zone, and IPv4 as IPv4 over any socket; None if it is not an address."""
    try:
        address: IPv4Address | IPv6Address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def is_inside(host: str, networks: tuple[Network, ...]) -> bool:
    """Return whether an address is in one of the networks."""
    address = plain_address(host)
    return address is not None and any(address.version == each.version and address in each for each in networks)
