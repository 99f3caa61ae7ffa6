"""What people write of a box's network, read and bounded: one clear error for each word that means nothing."""

import re
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Network, ip_address, ip_network

from ringfence.hub.box_errors import BadNetwork
from ringfence.wire.network_messages import NetworkReach, Protocol

MTUS = (1280, 1500)
UPLINK_KBIT = (64, 10_000_000)
PREFIXES = (24, 29)
MOST_NTP_SERVERS = 4
MOST_NAMES = 32
MOST_ADDRESSES = 4
"""Of one name."""
MOST_REACH = 64
MOST_SITES = 32
"""That a site exchanges media with directly."""
LARGEST_PORT = 65_535
_SHORTEST_REACH = 8
_LONGEST_NAME = 253
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?")
_REACH = re.compile(r"(udp|tcp):([0-9]{1,5})(?:-([0-9]{1,5}))?@([0-9./]{7,18})")
_LONGEST_SSID_BYTES = 32
_PASSPHRASE = re.compile(r"[ -~]{8,63}|[0-9A-Fa-f]{64}")
_COUNTRY = re.compile(r"[A-Z]{2}")


def read_number(what: str, said: int, bounds: tuple[int, int]) -> int:
    """Return a number within bounds."""
    if not bounds[0] <= said <= bounds[1]:
        raise BadNetwork(f"{what} is from {bounds[0]} to {bounds[1]}, not {said}")
    return said


def read_host(said: str) -> str:
    """Return a DNS name in lower case, or an address in its usual form."""
    try:
        return str(ip_address(said))
    except ValueError:
        return read_name(said)


def read_name(said: str) -> str:
    """Return a DNS name in lower case, without a full stop at its end."""
    name = said.strip().removesuffix(".").lower()
    if not name or len(name) > _LONGEST_NAME or not all(map(_LABEL.fullmatch, name.split("."))):
        raise BadNetwork(f"{said[:60]!r} is not a DNS name", to_do="Write it like pbx.example.org.")
    return name


def read_ntp_servers(said: Sequence[str]) -> list[str]:
    """Return NTP servers, each once."""
    return _few("NTP servers", dict.fromkeys(map(read_host, said)), MOST_NTP_SERVERS)


def read_names(said: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return names with their addresses; those of a name are in the order in which they are answered."""
    _few("names", said, MOST_NAMES)
    names: dict[str, list[str]] = {}
    for name, addresses in said.items():
        found = _few(f"addresses of {name[:60]}", addresses, MOST_ADDRESSES)
        if not found:
            raise BadNetwork(f"the name {name[:60]!r} has no address", to_do="Give it one, such as 192.0.2.10.")
        names[read_name(name)] = [_address(each) for each in found]
    return names


def read_reach(said: Iterable[str]) -> list[str]:
    """Return what phones may reach, each once and in its plain form, such as ``udp:5060-5060@192.0.2.10/32``."""
    return _few("places that phones may reach", dict.fromkeys(reach_in_words(reach(each)) for each in said), MOST_REACH)


def reach(said: str) -> NetworkReach:
    """Return what a word such as ``udp:5060@192.0.2.10`` or ``tcp:5060-5061@192.0.2.0/24`` opens."""
    found = _REACH.fullmatch(said.strip().lower())
    if found is None:
        raise BadNetwork(
            f"{said[:60]!r} is not what phones may reach",
            to_do="Write it like udp:5060@192.0.2.10, or tcp:5060-5061@192.0.2.0/24.",
        )
    protocol, first, last, network = found.groups()
    ports = int(first), int(last or first)
    if not 1 <= ports[0] <= ports[1] <= LARGEST_PORT:
        raise BadNetwork(f"{said[:60]!r} has no ports that there are", to_do=f"Ports are 1 to {LARGEST_PORT}.")
    return NetworkReach(str(read_route(network)), Protocol(protocol).value, *ports)


def read_route(said: str) -> IPv4Network:
    """Return a network behind the tunnel, or an address as one."""
    try:
        network = ip_network(said.strip(), strict=False)
    except ValueError:
        raise BadNetwork(f"{said[:60]!r} is not a network", to_do="Write it like 192.0.2.0/24.") from None
    if not isinstance(network, IPv4Network):
        raise BadNetwork(f"{network} is IPv6, and tunnels carry IPv4", to_do="Give an IPv4 network.")
    if network.prefixlen < _SHORTEST_REACH:
        raise BadNetwork(
            f"{network} is too large a part of the internet for phones",
            to_do=f"Name what phones need, with a prefix of {_SHORTEST_REACH} or more.",
        )
    if network.is_loopback or network.is_multicast or network.is_link_local or network.is_unspecified:
        raise BadNetwork(f"{network} is not a network that a tunnel leads to", to_do="Give the PBX's network.")
    return network


def reach_in_words(found: NetworkReach) -> str:
    """Return the word that ``reach`` reads."""
    return f"{found.protocol}:{found.first_port}-{found.last_port}@{found.network}"


def read_ssid(said: str) -> str:
    """Return a Wi-Fi network's name."""
    if not said or len(said.encode(errors="replace")) > _LONGEST_SSID_BYTES or not said.isprintable():
        raise BadNetwork(f"a Wi-Fi network's name has 1 to {_LONGEST_SSID_BYTES} printable bytes")
    return said


def check_passphrase(said: str) -> None:
    """Check a Wi-Fi passphrase; the error does not show it."""
    if _PASSPHRASE.fullmatch(said) is None:
        raise BadNetwork("a Wi-Fi passphrase has 8 to 63 printable ASCII characters, or is 64 hexadecimal digits")


def read_country(said: str) -> str:
    """Return a country's two letters."""
    if _COUNTRY.fullmatch(said.upper()) is None:
        raise BadNetwork(f"{said[:20]!r} is not a country", to_do="Give its two letters, such as DE (ISO 3166).")
    return said.upper()


def _address(said: str) -> str:
    try:
        return str(ip_address(said.strip()))
    except ValueError:
        raise BadNetwork(f"{said[:60]!r} is not an address", to_do="Write it like 192.0.2.10.") from None


def _few(what: str, said: Iterable[str], most: int) -> list[str]:
    found = list(said)
    if len(found) > most:
        raise BadNetwork(f"a site has at most {most} {what}, but these are {len(found)}")
    return found
