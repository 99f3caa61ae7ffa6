"""Which addresses a link to a PBX may reach: a hub that asks wherever it is told would ask its own machine's services.

Without ``pbx_networks`` in hub.toml that is every address but loopback, link-local ones (clouds keep their machines'
credentials there) and what is no single machine's. With it, those networks and nothing else; link-local addresses only
if a network is within them.
"""

import ipaddress
from collections.abc import Sequence

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_METADATA = frozenset(map(ipaddress.ip_address, ("169.254.169.254", "fd00:ec2::254", "100.100.100.200")))
_LINK_LOCAL = (ipaddress.ip_network("169.254.0.0/16"), ipaddress.ip_network("fe80::/10"))
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
_THIS_NETWORK = ipaddress.ip_network("0.0.0.0/8")


def why_not(address: Address, networks: Sequence[str]) -> str:
    """Return why a link may not reach an address, empty if it may."""
    there = plain(address)
    if there in _METADATA:
        return "clouds tell their machines' credentials there"
    is_of_none = there.is_multicast or there.is_unspecified or there in _THIS_NETWORK
    if is_of_none or (isinstance(there, ipaddress.IPv4Address) and there.is_reserved):
        return "it is no machine's address"
    allowed = [network for network in map(ipaddress.ip_network, networks) if there in network]
    if any(there in each for each in _LINK_LOCAL):
        return "" if any(_is_within(network) for network in allowed) else "it is a link-local address"
    if networks:
        return "" if allowed else "it is in none of the networks of pbx_networks"
    return "it is the hub's own machine" if there.is_loopback else ""


def literal(host: str) -> Address | None:
    """Return the address that a host is written as, None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    """Return whether what is sent to a host stays on the hub's own machine."""
    address = literal(host)
    return host == "localhost" if address is None else plain(address).is_loopback


def plain(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for, if it does."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _TRANSLATED:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return inner or address
    return address


def _is_within(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    return any(
        network.version == each.version and network.subnet_of(each)  # type: ignore[arg-type]  # of one version
        for each in _LINK_LOCAL
    )
