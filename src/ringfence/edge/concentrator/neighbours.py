"""How the network beside a PBX finds the way to boxes: this machine answers ARP for their addresses (RFC 1027).

The PBX has one route for all boxes, at its own link. Whichever concentrator a box's calls come by answers for its
addresses, and says so unasked when they change over (RFC 5944, section 4.6), so that no routing protocol is needed. It
answers for these addresses one by one: the kernel's ``proxy_arp`` would answer for whatever it has a route for.
"""

import json
import socket
import struct
from ipaddress import IPv4Address, IPv4Network
from itertools import islice

from ringfence.edge.errors import PortRefused, TunnelRefused
from ringfence.edge.network import programs

_ETHERNET = struct.Struct("!6s6sH")
_ARP = struct.Struct("!HHBBH6s4s6s4s")
_ARP_TYPE, _IPV4_TYPE, _ETHERNET_KIND, _REQUEST = 0x0806, 0x0800, 1, 1
_EVERYBODY, _NOBODY = b"\xff" * 6, b"\0" * 6
_MOST_HOSTS = 256
"""For how many addresses of one subnet this machine answers."""
_OURS = "82"
"""The mark (rtm_protocol) of the kernel's entries that are ours; any that nobody else has."""


class LanNeighbours:
    """The machines at one of this machine's interfaces. Needs CAP_NET_RAW and CAP_NET_ADMIN.

    Raises:
        ProgramMissing: ip is not installed.
        TunnelRefused: There is no such interface, or the machine does not permit it.
    """

    def __init__(self, interface: str) -> None:
        self._interface = interface
        self._ip = programs.find("ip")
        try:
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self._socket.bind((interface, _ARP_TYPE))
        except OSError as fault:
            raise self._refused(fault.strerror or str(fault)) from fault
        self._own: bytes = self._socket.getsockname()[4]
        told = self._run("-json", "neigh", "show", "proxy", "dev", interface, "protocol", _OURS)
        self._there = {IPv4Address(each["dst"]) for each in json.loads(told or b"[]")}

    def close(self) -> None:
        """Announce nothing any more; what this machine answers stays, as calls go on."""
        self._socket.close()

    def answer_for(self, subnets: frozenset[IPv4Network]) -> None:
        """Answer for the addresses of exactly these subnets from now on, and say so of those that are new."""
        wanted = {host for subnet in subnets for host in islice(subnet.hosts(), _MOST_HOSTS)}
        new, gone = wanted - self._there, self._there - wanted
        lines = [f"neigh delete proxy {host} dev {self._interface}" for host in sorted(gone)]
        lines += [f"neigh replace proxy {host} dev {self._interface} protocol {_OURS}" for host in sorted(new)]
        if lines:
            self._run("-force", "-batch", "-", text="\n".join([*lines, ""]))
            self._there = wanted
        for host in sorted(new):
            try:
                self._socket.send(self._unasked(host))
            except OSError:
                continue  # a lost word is made up for by asking

    def _unasked(self, host: IPv4Address) -> bytes:
        arp = _ARP.pack(_ETHERNET_KIND, _IPV4_TYPE, 6, 4, _REQUEST, self._own, host.packed, _NOBODY, host.packed)
        return _ETHERNET.pack(_EVERYBODY, self._own, _ARP_TYPE) + arp

    def _run(self, *arguments: str, text: str = "") -> bytes:
        try:
            return programs.run(self._ip, *arguments, text=text)
        except PortRefused as fault:
            raise self._refused(fault.what) from fault

    def _refused(self, why: str) -> TunnelRefused:
        return TunnelRefused(f"this machine can't answer for boxes at {self._interface}", where=why)
