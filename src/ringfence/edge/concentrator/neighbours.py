"""How the network beside a PBX finds the way to boxes: this machine answers ARP for their addresses (RFC 1027).

The PBX has one route for all boxes, at its own link. Whichever concentrator a box's calls come by answers for its
addresses, and says so unasked when they change over (RFC 5944, section 4.6), so that no routing protocol is needed.
"""

import socket
import struct
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from ringfence.edge.errors import TunnelRefused

_ETHERNET = struct.Struct("!6s6sH")
_ARP = struct.Struct("!HHBBH6s4s6s4s")
_ARP_TYPE, _IPV4_TYPE, _ETHERNET_KIND, _REQUEST = 0x0806, 0x0800, 1, 1
_EVERYBODY, _NOBODY = b"\xff" * 6, b"\0" * 6
_MOST_HOSTS = 64
"""How many addresses of one subnet are announced."""


class LanNeighbours:
    """The machines at one of this machine's interfaces. Needs CAP_NET_RAW and CAP_NET_ADMIN."""

    def __init__(self, interface: str) -> None:
        self._interface = interface
        try:
            for setting, value in (("conf", "proxy_arp=1"), ("neigh", "proxy_delay=0")):
                name, _, number = value.partition("=")
                (Path("/proc/sys/net/ipv4") / setting / interface / name).write_text(number)
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self._socket.bind((interface, _ARP_TYPE))
        except OSError as fault:
            raise TunnelRefused(
                f"this machine can't answer for boxes at {interface}", where=fault.strerror or str(fault)
            ) from fault
        self._own: bytes = self._socket.getsockname()[4]

    def close(self) -> None:
        """Announce nothing any more; what was announced is asked for again by itself."""
        self._socket.close()

    def announce(self, subnets: Iterable[IPv4Network]) -> None:
        """Say that the addresses of these subnets are here from now on; a lost word is made up for by asking."""
        for subnet in subnets:
            for host, _ in zip(subnet.hosts(), range(_MOST_HOSTS), strict=False):
                try:
                    self._socket.send(self._unasked(host))
                except OSError:
                    continue

    def _unasked(self, host: IPv4Address) -> bytes:
        arp = _ARP.pack(
            _ETHERNET_KIND, _IPV4_TYPE, 6, 4, _REQUEST, self._own, host.packed, _NOBODY, host.packed
        )  # fmt: skip
        return _ETHERNET.pack(_EVERYBODY, self._own, _ARP_TYPE) + arp
