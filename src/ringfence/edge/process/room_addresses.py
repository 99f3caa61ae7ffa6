"""By which addresses phones in the room may reach what this machine serves."""

import fcntl
import ipaddress
import socket
import struct
from collections.abc import Iterable, Sequence

from ringfence.addresses import host_port

MOST_TOLD = 8
_GET_ADDRESS, _GET_FLAGS, _GET_HARDWARE = 0x8915, 0x8913, 0x8927
"""SIOCGIFADDR, SIOCGIFFLAGS, SIOCGIFHWADDR (netdevice(7))."""
_IS_UP, _ETHERNET = 0x1, 1
"""IFF_UP; ARPHRD_ETHER, which Wi-Fi and bridges have too, and tunnels and the loopback interface have not."""
_REQUEST = struct.Struct("16s24s")
_ANYWHERE = "0.0.0.0"  # noqa: S104 - what a listener says, nothing is bound here


def in_room(listening: Iterable[tuple[str, int]], phone_port: str = "") -> list[str]:
    """Return where phones may reach listeners, as ``host:port``.

    A listener at an address is reached there, and one on all of them at each that an Ethernet interface has, or at
    ``phone_port`` alone if there is one. Loopback and link-local addresses lead no phone here.
    """
    found: dict[str, None] = {}
    machine: Sequence[str] | None = None
    for host, port in listening:
        if host == _ANYWHERE and machine is None:
            machine = own_addresses(phone_port)
        for each in (machine or ()) if host == _ANYWHERE else (host,):
            address = ipaddress.ip_address(each.partition("%")[0])
            if not (address.is_loopback or address.is_link_local or address.is_unspecified):
                found[host_port(str(address), port)] = None
    return list(found)[:MOST_TOLD]


def own_addresses(only: str = "") -> list[str]:
    """Return the first IPv4 address of each Ethernet interface that is up, or of one interface."""
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        for _index, name in socket.if_nameindex():
            if only and name != only:
                continue
            try:
                (flags,) = struct.unpack_from("=H", _ask(asking, _GET_FLAGS, name))
                (kind,) = struct.unpack_from("=H", _ask(asking, _GET_HARDWARE, name))
                if flags & _IS_UP and kind == _ETHERNET:
                    found.append(socket.inet_ntoa(_ask(asking, _GET_ADDRESS, name)[4:8]))
            except OSError:
                continue  # it has no address, or has gone meanwhile
    return found


def _ask(asking: socket.socket, what: int, name: str) -> bytes:
    """Return what the kernel says about an interface: the union of ``struct ifreq``."""
    told = fcntl.ioctl(asking.fileno(), what, _REQUEST.pack(name.encode(), b""))
    _name, value = _REQUEST.unpack(told)
    return bytes(value)
