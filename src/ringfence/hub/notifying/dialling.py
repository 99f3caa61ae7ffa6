"""Connecting to where alerts go: a name is resolved once, its address checked, and that address connected to.

What the name stands for a moment later does not matter then (``fleet/alert_addresses.py`` says what may be reached).
"""

import ipaddress
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ringfence.addresses import host_port
from ringfence.hub.errors import AddressRefused, AlertChannelUnavailable
from ringfence.hub.fleet import alert_addresses
from ringfence.hub.fleet.pbx_addresses import Address
from ringfence.hub.notifying.deadline import TIMEOUT_S, deadline

_MOST_ADDRESSES = 4


@dataclass(frozen=True, slots=True)
class AlertDestination:
    """Where a message goes; ``networks`` are hub.toml's ``alert_networks``."""

    host: str
    port: int
    networks: Sequence[str]
    is_mail: bool = False

    @property
    def where(self) -> str:
        """Host and port, for errors."""
        return host_port(self.host, self.port)


def dial(place: AlertDestination) -> socket.socket:
    """Return a connection.

    Raises:
        AlertChannelUnavailable: Nothing may go to its address.
        OSError: It can't be reached.
    """
    try:
        return dial_allowed(
            place.host,
            place.port,
            lambda there: alert_addresses.why_not(there, place.port, place.networks, is_mail=place.is_mail),
        )
    except AddressRefused as refused:
        raise AlertChannelUnavailable(
            f"no alert may go to {refused.what}", where=place.where, to_do=alert_addresses.TO_ALLOW
        ) from None


def dial_allowed(host: str, port: int, why_not: Callable[[Address], str]) -> socket.socket:
    """Return a connection to one of a host's addresses that may be connected to.

    Args:
        host: A name or an address.
        port: Its port.
        why_not: Returns why nothing may go to an address; empty if it may.

    Raises:
        AddressRefused: Nothing may go to any of them.
        OSError: It can't be reached.
    """
    found = [str(row[4][0]) for row in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    refused, fault = "", OSError("it has no address")
    for address in list(dict.fromkeys(found))[:_MOST_ADDRESSES]:
        if why := why_not(ipaddress.ip_address(address)):
            refused = f"{address}: {why}"
            continue
        try:
            return socket.create_connection((address, port), TIMEOUT_S)
        except OSError as failed:
            fault = failed
    if refused:
        raise AddressRefused(refused, where=host_port(host, port))
    raise fault


def encrypted(plain: socket.socket, host: str) -> ssl.SSLSocket:
    """Return a connection with TLS over a plain one, to a server that is ``host``; ``plain`` is used up."""
    link = ssl.create_default_context().wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
    try:
        with deadline(lambda: link):
            link.do_handshake()
    except OSError:
        link.close()
        raise
    return link
