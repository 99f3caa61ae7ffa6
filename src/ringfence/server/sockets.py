"""UDP sockets that know which address a datagram was sent to, so that the answer leaves from there.

RFC 1123 section 4.2.3.5 (no answer to broadcasts) and RFC 1122 section 4.1.3.5 (the answer's source address).
"""

import contextlib
import errno
import socket
import struct
from dataclasses import dataclass

from ringfence.server.errors import ListenRefused, PortInUse

RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024
"""Room for the requests of a whole building that comes back from a power cut; the kernel may give less."""
LONGEST_DATAGRAM_BYTES = 2048
"""More than a request or an ACK may have; what is longer is cut, and refused for its length."""

# Linux's numbers that Python 3.11's socket module doesn't name.
_IP_PKTINFO = 8
_IP_MTU_DISCOVER = 10
_IP_PMTUDISC_DONT = 0
_PKTINFO = struct.Struct("=i4s4s")
_PKTINFO6 = struct.Struct("=16si")
_ANCILLARY_BYTES = socket.CMSG_SPACE(_PKTINFO.size) + socket.CMSG_SPACE(_PKTINFO6.size)
_PRIVILEGED_PORTS = 1024

Address = tuple[str, int] | tuple[str, int, int, int]


@dataclass(frozen=True, slots=True)
class Datagram:
    """One datagram: its bytes, who sent it, and the local address that it was sent to (port 0: any)."""

    data: bytes
    peer: Address
    local: Address


def listen(host: str, port: int) -> socket.socket:
    """Return a bound, non-blocking request socket. PortInUse, or ListenRefused where the machine won't have it."""
    where = f"{host}:{port}/udp"
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)[0][0]
    except socket.gaierror as fault:
        raise ListenRefused(
            "the address to listen on is no IP address", where=where, to_do="Give one of this machine's addresses."
        ) from fault
    listener = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # IPv4 peers come by IPv4 sockets
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        else:
            listener.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        listener.bind((host, port))
    except OSError as fault:
        listener.close()
        if fault.errno == errno.EADDRINUSE:
            raise PortInUse(
                f"port {port} of {host} is in use by another program",
                where=where,
                to_do=f"Stop that program ('ss -ulpn sport = :{port}' names it) or listen on another port.",
            ) from fault
        to_do = "Check that this machine has that address."
        if fault.errno == errno.EACCES and port < _PRIVILEGED_PORTS:
            to_do = f"Start as root, or choose a port from {_PRIVILEGED_PORTS} up."
        raise ListenRefused(f"can't listen: {fault.strerror}", where=where, to_do=to_do) from fault
    return listener


def receive(listener: socket.socket) -> Datagram | None:
    """Return the next datagram; None for one that deserves no answer. BlockingIOError where there is none.

    No answer goes to broadcasts and multicasts, and to port 0.
    """
    data, ancillary, _, peer = listener.recvmsg(LONGEST_DATAGRAM_BYTES, _ANCILLARY_BYTES)
    local = _local_of(ancillary)
    if local is None or peer[1] == 0:
        return None
    return Datagram(data, peer, local)


def connected(datagram: Datagram) -> socket.socket:
    """Return a non-blocking socket on a fresh port, from the address that was asked to the peer that asked.

    The kernel's filter drops what comes from anybody else (RFC 1350 section 4); a stranger gets its port unreachable
    instead of ERROR 5. Path MTU discovery is off, so that a big block is cut into fragments and not lost.
    """
    family = socket.AF_INET6 if len(datagram.peer) > len(("host", 0)) else socket.AF_INET
    endpoint = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        if family == socket.AF_INET:
            endpoint.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _IP_PMTUDISC_DONT)
        endpoint.bind(datagram.local)
        endpoint.connect(datagram.peer)
    except OSError:
        endpoint.close()
        raise
    return endpoint


def send_once(datagram: Datagram, answer: bytes) -> None:
    """Answer from a fresh port and forget it; an answer that can't leave is lost, as datagrams are."""
    with contextlib.suppress(OSError), connected(datagram) as endpoint:
        endpoint.send(answer)


def _local_of(ancillary: list[tuple[int, int, bytes]]) -> Address | None:
    for level, kind, data in ancillary:
        if level == socket.IPPROTO_IP and kind == _IP_PKTINFO:
            _, specific, destination = _PKTINFO.unpack_from(data)
            # The kernel puts our own address in the one and the header's in the other: they differ for broadcasts.
            return (socket.inet_ntop(socket.AF_INET, specific), 0) if specific == destination else None
        if level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO:
            destination, interface = _PKTINFO6.unpack_from(data)
            if destination[0] == 0xFF:  # noqa: PLR2004 - ff00::/8 is multicast, RFC 4291 section 2.7
                return None
            is_link_local = destination[0] == 0xFE and destination[1] & 0xC0 == 0x80  # noqa: PLR2004 - fe80::/10
            return socket.inet_ntop(socket.AF_INET6, destination), 0, 0, interface if is_link_local else 0
    return None
