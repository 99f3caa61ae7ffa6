"""Where concentrators are: the network helper takes addresses only, so that nobody who is root asks DNS."""

import ipaddress
import socket
from collections.abc import Callable
from dataclasses import replace

import msgspec

from ringfence.addresses import host_port
from ringfence.wire.network_messages import NetworkConcentrator, NetworkRules

AGAIN_S = 300.0
"""How often a name is asked for once more."""
ANY_ADDRESS = "192.0.2.1"
"""Stands for an address where it does not matter which (RFC 5737)."""


class ConcentratorAddresses:
    """What DNS has said of concentrators' names. The last answer counts while there is no newer one."""

    def __init__(self, ask: Callable[[str], str] | None = None) -> None:
        """Begin; ``ask`` returns a name's address, empty if there is none now."""
        self._ask = ask or address_of
        self._known: dict[str, str] = {}
        self._asked_at: dict[str, float] = {}

    def look_up(self, rules: NetworkRules, now: float) -> bool:
        """Ask for the names in rules that are due; return whether anything is new. It may take long."""
        names = {host for each in rules.concentrators for host in _hosts(each) if not _is_address(host)}
        self._asked_at = {name: at for name, at in self._asked_at.items() if name in names}
        before = dict(self._known)
        for name in sorted(names):
            if now - self._asked_at.get(name, float("-inf")) >= (AGAIN_S if name in self._known else 0.0):
                self._asked_at[name] = now
                if address := self._ask(name):
                    self._known[name] = address
        self._known = {name: address for name, address in self._known.items() if name in names}
        return self._known != before

    def unknown(self, rules: NetworkRules) -> list[str]:
        """Return the names of concentrators that were asked for without an answer; empty as long as one has a place."""
        if self.applied(rules).concentrators:
            return []
        asked = {host for each in rules.concentrators for host in _hosts(each) if host in self._asked_at}
        return sorted(asked - self._known.keys())

    def applied(self, rules: NetworkRules) -> NetworkRules:
        """Return rules whose concentrators are at addresses; those that have none yet are left out."""
        return with_addresses(rules, lambda host: self._known.get(host, ""))


def with_addresses(rules: NetworkRules, find: Callable[[str], str]) -> NetworkRules:
    """Return rules whose concentrators are at the addresses that ``find`` returns for names, without the others."""
    ends = [
        replace(each, endpoint=_at_address(each.endpoint, find), next_endpoint=_at_address(each.next_endpoint, find))
        for each in rules.concentrators
        if each.address  # a hub that does not tell it knows no way to ask whether it is there
    ]
    return msgspec.structs.replace(rules, concentrators=tuple(each for each in ends if each.endpoint))


def address_of(host: str) -> str:
    """Ask DNS for an address of a name, IPv4 first; return nothing if there is none now."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError):
        return ""
    return str(min(found, key=lambda each: each[0] != socket.AF_INET)[4][0])


def _at_address(endpoint: str, find: Callable[[str], str]) -> str:
    host, _, port = endpoint.rpartition(":")
    plain = host.strip("[]")
    if not plain or not port.isdecimal():
        return ""
    address = plain if _is_address(plain) else find(plain)
    return host_port(address, int(port[:6])) if address else ""


def _hosts(told: NetworkConcentrator) -> list[str]:
    return [host.strip("[]") for each in (told.endpoint, told.next_endpoint) if (host := each.rpartition(":")[0])]


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
