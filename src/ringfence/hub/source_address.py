"""Addresses that one caller has: an IPv6 network of 64 bits counts as one address."""

import ipaddress


def one_caller(address: str) -> str:
    """Return what stands for everything that one caller can send from: an IPv4 address, or an IPv6 /64."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed.packed[:8] + bytes(8), 64)))
