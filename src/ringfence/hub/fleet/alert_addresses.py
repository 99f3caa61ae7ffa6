"""Which addresses alerts may go to: whoever adds a channel must not make the hub ask around in its own network.

They are the internet's, those within hub.toml's ``alert_networks``, and this machine's own mail server.
"""

import ipaddress
from collections.abc import Sequence

from ringfence.hub.fleet import pbx_addresses
from ringfence.hub.fleet.pbx_addresses import Address

TO_ALLOW = "If it is meant to go there, add the network to `alert_networks` in hub.toml, and restart the hub."
_MAIL_PORTS = frozenset({25, 465, 587})


def why_not(address: Address, port: int, networks: Sequence[str], *, is_mail: bool) -> str:
    """Return why no alert may go to an address and port, empty if it may."""
    there = pbx_addresses.plain(address)
    if any(there in ipaddress.ip_network(each) for each in networks):
        return pbx_addresses.why_not(address, networks)
    if there.is_loopback and is_mail and port in _MAIL_PORTS:
        return ""
    return "" if there.is_global and not there.is_multicast else "it is no address on the internet"
