"""What a box does at its phone's port: the rules, read against the bounds of what any box may ever do.

Invariants, whoever wrote the rules:

- The phone's subnet is private and small. Phones reach what is named, only through the tunnel and never this machine:
  private networks, and of public ones no more than small parts. Guests reach only the internet.
- Interfaces, programs and paths are no part of the rules: they are given when the helper starts.
- Everything has a largest number, and nothing that can be written here ends a line of a configuration.

``read_plan`` runs twice: in the agent, which refuses bad rules of the hub, and in the helper, which believes no agent.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, TypeVar

from msgspec import Struct

from ringfence.edge.errors import BadNetworkRules
from ringfence.wire.bounds import Whole
from ringfence.wire.network_messages import (
    NetworkConcentrator,
    NetworkName,
    NetworkReach,
    NetworkRules,
    PortAccess,
    Protocol,
)

T = TypeVar("T")
U = TypeVar("U")

MOST_PHONES = 2048
MOST_NAMES = 256
MOST_ADDRESSES_OF_A_NAME = 8
MOST_REACH = 256
MOST_NTP_SERVERS = 16
MOST_CONCENTRATORS = 8
MOST_NETWORKS = 64
"""Of one concentrator."""
SLOWEST_KBIT, FASTEST_KBIT = 64, 10_000_000
MOST_AUTHORITIES, MOST_AUTHORITIES_BYTES = 32, 64 * 1024
SMALLEST_MTU, LARGEST_MTU = 576, 1500
WIDEST_SUBNET, NARROWEST_SUBNET = 20, 30
WIDEST_REACH, WIDEST_PUBLIC_REACH = 8, 24
LARGEST_PORT = 65_535
PRIVATE: Final = tuple(IPv4Network(text) for text in ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16"))
"""Where phones' subnets are (RFC 1918, RFC 6598)."""
NO_HOSTS: Final = tuple(IPv4Network(text) for text in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"))
"""Where no server is: this machine, this link, many at once (RFC 6890)."""
PAGE: Final = IPv4Interface("169.254.77.1/16")
"""Where the box's own page is for a computer that gets no address, and so takes one of RFC 3927."""
PAGE_PORT = 80
OWN_NAMES = ("ciscocm1",)
"""Names that mean the box itself: where a phone looks for its files when no option told it (PHONES.md)."""

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]{1,16384}-----END CERTIFICATE-----\n?")
_PUBLIC_KEY = re.compile(r"[A-Za-z0-9+/]{43}=")
_ID = re.compile(r"[A-Za-z0-9_.-]{1,40}")
_BARE_MAC = re.compile(r"[0-9A-F]{12}")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")


class PortRules(Struct, frozen=True, forbid_unknown_fields=True):
    """The part of a box's rules that its helper is told; fields as in ``NetworkRules``."""

    version: Whole
    subnet: str = ""
    mtu: Whole = 1420
    phones: tuple[str, ...] = ()
    known_only: bool = True
    guest_subnet: str = ""
    ntp_servers: tuple[str, ...] = ()
    domain: str = ""
    names: tuple[NetworkName, ...] = ()
    reach: tuple[NetworkReach, ...] = ()
    direct_media: tuple[str, ...] = ()
    concentrators: tuple[NetworkConcentrator, ...] = ()
    retired_key: str = ""
    uplink_kbit: Whole = 0
    port_access: str = PortAccess.OFF
    authorities: tuple[str, ...] = ()


def port_rules(rules: NetworkRules) -> PortRules:
    """Return what the helper is told of a box's rules; no secret is among it."""
    return PortRules(
        rules.version,
        rules.subnet,
        rules.mtu,
        rules.phones,
        rules.known_only,
        rules.guest_subnet if rules.guests else "",
        rules.ntp_servers,
        rules.domain,
        rules.names,
        rules.reach,
        rules.direct_media,
        rules.concentrators,
        rules.retired_key,
        rules.uplink_kbit,
        rules.port_access,
        rules.authorities,
    )


@dataclass(frozen=True, slots=True)
class Reach:
    """A network that phones may reach through the tunnel, on these ports."""

    network: IPv4Network
    protocol: Protocol
    first_port: int
    last_port: int


@dataclass(frozen=True, slots=True)
class Concentrator:
    """A tunnel's other end: where it is, its keys, its own address inside, and what is led to it."""

    id: str
    endpoint: tuple[str, int]
    public_key: str
    address: IPv4Address
    networks: tuple[IPv4Network, ...]
    next_public_key: str = ""
    next_endpoint: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class PortPlan:
    """What is done at the phone's port. Without a ``box`` address the port stays shut.

    ``box`` and ``guest_box`` are the box's own addresses with their subnets. ``phones`` are bare MAC addresses.
    ``names`` are answered besides the box's own. ``retired_key`` is the tunnel's public key that is to be changed.
    ``uplink_kbit`` is what the home's line takes, in kbit/s; 0 if nobody has said. ``page`` is where the box's own page
    is for whoever gets no address.
    """

    version: int
    box: IPv4Interface | None
    guest_box: IPv4Interface | None
    mtu: int
    phones: frozenset[str]
    known_only: bool
    domain: str
    own_names: tuple[str, ...]
    names: tuple[tuple[str, tuple[IPv4Address | IPv6Address, ...]], ...]
    reach: tuple[Reach, ...]
    direct_media: tuple[IPv4Network, ...]
    concentrators: tuple[Concentrator, ...]
    retired_key: str
    uplink_kbit: int
    page: IPv4Interface | None
    access: PortAccess = PortAccess.OFF
    authorities: tuple[str, ...] = ()

    @property
    def boxes(self) -> tuple[IPv4Interface, ...]:
        """The box's addresses on the port."""
        return tuple(each for each in (self.box, self.guest_box) if each is not None)

    @property
    def addresses(self) -> tuple[IPv4Interface, ...]:
        """Those, and the one for whoever has no address."""
        return (*self.boxes, *([self.page] if self.page is not None else []))


def read_plan(rules: PortRules) -> PortPlan:
    """Return what the rules ask for.

    Raises:
        BadNetworkRules: They ask for more than a box may do, or make no sense.
    """
    box = _own_address(rules.subnet, "the subnet") if rules.subnet else None
    guest_box = _own_address(rules.guest_subnet, "the guests' subnet") if rules.guest_subnet else None
    if guest_box is not None and (box is None or guest_box.network.overlaps(box.network)):
        raise BadNetworkRules("the guests' subnet needs one for phones beside it", where=rules.guest_subnet[:40])
    if not SMALLEST_MTU <= rules.mtu <= LARGEST_MTU:
        raise BadNetworkRules(f"the MTU is not between {SMALLEST_MTU} and {LARGEST_MTU}", where=str(rules.mtu))
    if rules.uplink_kbit and not SLOWEST_KBIT <= rules.uplink_kbit <= FASTEST_KBIT:
        raise BadNetworkRules(f"no line takes {rules.uplink_kbit} kbit/s", where=f"{SLOWEST_KBIT} to {FASTEST_KBIT}")
    own_nets = [each.network for each in (box, guest_box) if each is not None]
    names = _each(rules.names, MOST_NAMES, "names", _addresses_of)
    ntp = _each(rules.ntp_servers, MOST_NTP_SERVERS, "NTP servers", _ntp_name)
    reach = _each(rules.reach, MOST_REACH, "networks to reach", _reach)
    others = _each(rules.direct_media, MOST_REACH, "other boxes", _subnet)
    own_names = {*OWN_NAMES, *(name for name in ntp if name)} - {name for name, _ in names}
    return PortPlan(
        version=rules.version,
        box=box,
        guest_box=guest_box,
        mtu=rules.mtu,
        phones=frozenset(_each(rules.phones, MOST_PHONES, "phones", _mac)),
        known_only=rules.known_only,
        domain=_name(rules.domain) if rules.domain else "",
        own_names=tuple(sorted(own_names)),
        names=names,
        reach=tuple(each for each in reach if each is not None and not _is_own(each.network, own_nets)),
        direct_media=tuple(each for each in others if not _is_own(each, own_nets)),
        concentrators=_each(rules.concentrators, MOST_CONCENTRATORS, "concentrators", _concentrator),
        retired_key=_key(rules.retired_key),
        uplink_kbit=rules.uplink_kbit,
        page=PAGE if box is not None else None,
        access=_access(rules.port_access),
        authorities=_authorities(rules.authorities),
    )


def _each(values: tuple[T, ...], most: int, what: str, read: Callable[[T], U]) -> tuple[U, ...]:
    if len(values) > most:
        raise BadNetworkRules(f"there are more than {most} {what}", where=str(len(values)))
    return tuple(read(value) for value in values)


def _access(text: str) -> PortAccess:
    try:
        return PortAccess(text)
    except ValueError:
        raise BadNetworkRules("802.1X is neither off nor tried nor required", where=repr(text[:20])) from None


def _authorities(certificates: tuple[str, ...]) -> tuple[str, ...]:
    if sum(map(len, certificates)) > MOST_AUTHORITIES_BYTES:
        most = f"{MOST_AUTHORITIES_BYTES // 1024} KiB"
        raise BadNetworkRules(f"the certificates of CAs for 802.1X have more than {most} together")
    return _each(certificates, MOST_AUTHORITIES, "CAs for 802.1X", _authority)


def _authority(pem: str) -> str:
    if _CERTIFICATE.fullmatch(pem) is None:
        raise BadNetworkRules("this is not a CA's certificate", where=repr(pem[:40]))
    return pem


def _own_address(text: str, what: str) -> IPv4Interface:
    """Return the first address of a subnet, which is the box's."""
    network = _subnet(text)
    if not WIDEST_SUBNET <= network.prefixlen <= NARROWEST_SUBNET:
        sizes = f"/{WIDEST_SUBNET} to /{NARROWEST_SUBNET}"
        raise BadNetworkRules(f"{what} has not one of the sizes {sizes}", where=text[:40])
    return IPv4Interface((int(network.network_address) + 1, network.prefixlen))


def _subnet(text: str) -> IPv4Network:
    """Return a private network."""
    try:
        network = IPv4Network(text)
    except ValueError:
        raise BadNetworkRules("this is not an IPv4 network", where=text[:40]) from None
    if network.prefixlen < WIDEST_REACH or not any(network.subnet_of(each) for each in PRIVATE):
        raise BadNetworkRules("this is not a private network", where=text[:40])
    return network


def _reached(text: str) -> IPv4Network:
    """Return a network behind the tunnel: a private one, or a PBX's own small part of the internet."""
    try:
        network = IPv4Network(text)
    except ValueError:
        raise BadNetworkRules("this is not an IPv4 network", where=text[:40]) from None
    is_private = any(network.subnet_of(each) for each in PRIVATE)
    if network.prefixlen < (WIDEST_REACH if is_private else WIDEST_PUBLIC_REACH):
        raise BadNetworkRules("this is too large a network to reach", where=text[:40])
    if any(network.overlaps(each) for each in NO_HOSTS):
        raise BadNetworkRules("this is not a network that a tunnel leads to", where=text[:40])
    return network


def _is_own(network: IPv4Network, own: Iterable[IPv4Network]) -> bool:
    """Return whether a network is a part of the port's own, which is reached without a tunnel."""
    return any(network.subnet_of(each) for each in own)


def _mac(text: str) -> str:
    if _BARE_MAC.fullmatch(text) is None or int(text[:2], 16) & 1 or text == "0" * 12:
        raise BadNetworkRules("this is not a phone's MAC address", where=repr(text[:20]))
    return text


def _name(text: str) -> str:
    name = text.lower().rstrip(".")
    if _NAME.fullmatch(name) is None:
        raise BadNetworkRules("this is not a name that DNS knows", where=repr(text[:60]))
    return name


def _ntp_name(text: str) -> str:
    """Return the name of an NTP server, or nothing if it is told by its address: the box answers in its place."""
    try:
        ip_address(text)
    except ValueError:
        return _name(text)
    return ""


def _addresses_of(told: NetworkName) -> tuple[str, tuple[IPv4Address | IPv6Address, ...]]:
    return _name(told.name), _each(told.addresses, MOST_ADDRESSES_OF_A_NAME, "addresses of a name", _host)


def _host(text: str) -> IPv4Address | IPv6Address:
    try:
        host = ip_address(text)
    except ValueError:
        raise BadNetworkRules("this is not an address", where=repr(text[:60])) from None
    if isinstance(host, IPv6Address) and host.scope_id is not None:
        raise BadNetworkRules("an address with a zone is no server's", where=text[:60])
    if host.is_loopback or host.is_multicast or host.is_unspecified or host.is_link_local:
        raise BadNetworkRules("this is not a server's address", where=text[:60])
    return host


def _reach(told: NetworkReach) -> Reach | None:
    """Return what phones may reach; None for what is IPv6, which the phones' subnet has not."""
    if told.protocol not in {Protocol.UDP, Protocol.TCP}:
        raise BadNetworkRules("this is neither udp nor tcp", where=repr(told.protocol[:20]))
    if not 1 <= told.first_port <= told.last_port <= LARGEST_PORT:
        raise BadNetworkRules("these are not ports from the lower to the higher one",
                              where=f"{told.first_port} to {told.last_port}")  # fmt: skip
    if ":" in told.network:
        try:
            IPv6Network(told.network)
        except ValueError:
            raise BadNetworkRules("this is not a network", where=repr(told.network[:60])) from None
        return None
    return Reach(_reached(told.network), Protocol(told.protocol), told.first_port, told.last_port)


def _concentrator(told: NetworkConcentrator) -> Concentrator:
    """Return a concentrator; its endpoint is an address by now, as the helper asks no DNS."""
    if _ID.fullmatch(told.id) is None:
        raise BadNetworkRules("this is not a concentrator's id", where=repr(told.id[:40]))
    if not told.public_key:
        raise BadNetworkRules("a concentrator has no public key", where=told.id)
    try:
        address = IPv4Address(told.address)
    except ValueError:
        raise BadNetworkRules("a concentrator has no address inside the tunnel", where=told.id) from None
    if not any(address in each for each in PRIVATE):
        raise BadNetworkRules("a concentrator's address inside the tunnel is not private", where=str(address))
    return Concentrator(
        told.id,
        _endpoint(told.endpoint),
        _key(told.public_key),
        address,
        _each(told.networks, MOST_NETWORKS, "networks of a concentrator", _reached),
        _key(told.next_public_key),
        _endpoint(told.next_endpoint) if told.next_endpoint else None,
    )


def _key(text: str) -> str:
    """Return a public key, or nothing where none is told."""
    if text and _PUBLIC_KEY.fullmatch(text) is None:
        raise BadNetworkRules("this is not a public key", where=repr(text[:50]))
    return text


def _endpoint(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isascii() or not port.isdecimal() or not 1 <= int(port[:6]) <= LARGEST_PORT:
        raise BadNetworkRules("this is not where a concentrator is", where=repr(text[:60]))
    return str(_host(host.strip("[]"))), int(port)


def colons(mac: str) -> str:
    """Return a bare MAC address as programs write it."""
    return ":".join(mac[at : at + 2] for at in range(0, 12, 2)).lower()
