"""Listening sockets; the UDP ones know which address a datagram was sent to, so that the answer leaves from there.

RFC 1123 section 4.2.3.5 (no answer to broadcasts) and RFC 1122 section 4.1.3.5 (the answer's source address).
"""

import errno
import os
import socket
import struct
import sys
from socket import SocketType
from typing import NamedTuple

from ringfence.addresses import host_port
from ringfence.server.errors import ListenRefused, PortInUse
from ringfence.server.limits.settings import PortRange
from ringfence.tftp.options import PLAIN_BLOCK_SIZE

RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024
"""Room for the requests of a whole building that comes back from a power cut; the kernel may give less."""
LONGEST_REQUEST_BYTES = 1024
"""More than a request may have; what is longer is cut, and refused for its length."""

# Linux's numbers that Python 3.11's socket module doesn't name.
_IP_PKTINFO = 8
_IP_MTU_DISCOVER = 10
_IP_PMTUDISC_DONT = 0
_PKTINFO = struct.Struct("=i4s4s")
_PKTINFO6 = struct.Struct("=16si")
_IP_TTL, _IP_RECVTTL = 2, 12
_FREEBIND = {socket.AF_INET: (socket.IPPROTO_IP, 15), socket.AF_INET6: (socket.IPPROTO_IPV6, 78)}
"""IP_FREEBIND and, since Linux 4.15, IPV6_FREEBIND."""
_SAYS_TTL = frozenset({(socket.IPPROTO_IP, _IP_TTL), (socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT)})
_NUMBER = struct.Struct("=i")
_ANCILLARY_BYTES = sum(socket.CMSG_SPACE(one.size) for one in (_PKTINFO, _PKTINFO6, _NUMBER, _NUMBER))
_MAPPED = "::ffff:"
"""Before an IPv4 address where a socket for both families has to write one (RFC 4291 section 2.5.5.2)."""
_PRIVILEGED_PORTS = 1024
_IPV4_LENGTH = 2  # of an address tuple; IPv6's have four
_BACKLOG = 1024
_SO_RCVBUFFORCE = 33
_SOL_UDP = 17
_UDP_SEGMENT = 103  # <linux/udp.h>, since Linux 4.18
_MOST_SEGMENTS = 64
_MOST_SEGMENTED_BYTES = 65_000

Address = tuple[str, int] | tuple[str, int, int, int]


class Datagram(NamedTuple):
    """One datagram: its bytes, who sent it, the local address that it was sent to (port 0: any), and its TTL.

    ``ttl`` is IPv6's hop limit too, as it was on arrival; None if the kernel does not say.
    """

    data: bytes
    peer: Address
    local: Address
    ttl: int | None = None


def listen(host: str, port: int, *, freebind: bool = False) -> socket.socket:
    """Return a bound, non-blocking request socket; with ``freebind`` the address need not be this machine's yet.

    Raises:
        PortInUse: Another program has the port.
        ListenRefused: The machine won't have it.
    """
    return _bound(host, port, socket.SOCK_DGRAM, freebind=freebind)


def listen_tcp(host: str, port: int, *, freebind: bool = False) -> socket.socket:
    """Return a bound, listening, non-blocking TCP socket. All else as ``listen``."""
    return _bound(host, port, socket.SOCK_STREAM, freebind=freebind)


def _bound(host: str, port: int, kind: socket.SocketKind, *, freebind: bool) -> socket.socket:
    protocol, option = ("udp", "u") if kind == socket.SOCK_DGRAM else ("tcp", "t")
    where = f"{host_port(host, port)}/{protocol}"
    try:
        family = socket.getaddrinfo(host, port, type=kind, flags=socket.AI_NUMERICHOST)[0][0]
    except socket.gaierror as fault:
        raise ListenRefused(
            "the address to listen on is not an IP address", where=where, to_do="Give one of this machine's addresses."
        ) from fault
    try:
        listener = socket.socket(family, kind | socket.SOCK_NONBLOCK)
    except OSError as fault:
        raise ListenRefused(
            f"can't listen: {fault.strerror}",
            where=where,
            to_do="Leave this address out: the kernel does not know its kind.",
        ) from fault
    try:
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # IPv4 peers come by IPv4 sockets
        if freebind:
            listener.setsockopt(*_FREEBIND[family], 1)
        if kind == socket.SOCK_DGRAM:
            prepare(listener)
            listener.bind((host, port))
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # or a restart waits for old connections
            listener.bind((host, port))
            listener.listen(_BACKLOG)
    except OSError as fault:
        listener.close()
        if fault.errno == errno.EADDRINUSE:
            raise PortInUse(
                f"port {port} of {host} is in use by another program",
                where=where,
                to_do=f"Stop that program ('ss -{option}lpn sport = :{port}' names it) or listen on another port.",
            ) from fault
        to_do = "Check that this machine has that address; where it comes later, start with --freebind."
        if fault.errno == errno.EACCES and port < _PRIVILEGED_PORTS:
            to_do = f"Start as root, or choose port {_PRIVILEGED_PORTS} or above."
        raise ListenRefused(f"can't listen: {fault.strerror}", where=where, to_do=to_do) from fault
    return listener


def prepare(listener: socket.socket) -> None:
    """Make a UDP socket, ours or one that a service manager bound, fit for ``receive``. OSError."""
    listener.setblocking(False)
    if listener.family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
    if listener.family == socket.AF_INET or not listener.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY):
        listener.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)  # on a socket for both, IPv4 datagrams say it this way
        listener.setsockopt(socket.IPPROTO_IP, _IP_RECVTTL, 1)
    try:
        listener.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES)
    except PermissionError:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)


def accept(listener: socket.socket) -> tuple[socket.socket, tuple[str, int]]:
    """Return the next connection, non-blocking and without Nagle's delay, and who made it.

    BlockingIOError if there is none; another OSError if it can't be taken.
    """
    endpoint, peer = listener.accept()
    try:
        endpoint.setblocking(False)
        endpoint.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:
        endpoint.close()
        raise
    return endpoint, (peer[0].removeprefix(_MAPPED), peer[1])


def receive(listener: socket.socket) -> Datagram | None:
    """Return the next datagram; None for one that deserves no answer. BlockingIOError if there is none.

    No answer goes to broadcasts and multicasts, and to port 0. An IPv4 peer of a socket for both is an IPv4 peer.
    """
    data, ancillary, _, peer = listener.recvmsg(LONGEST_REQUEST_BYTES, _ANCILLARY_BYTES)
    if peer[0].startswith(_MAPPED):
        peer = (peer[0].removeprefix(_MAPPED), peer[1])
        ancillary = [one for one in ancillary if one[0] == socket.IPPROTO_IP]
    local = _local_of(ancillary)
    if local is None or peer[1] == 0:
        return None
    return Datagram(data, peer, local, _ttl_of(ancillary))


def connected(datagram: Datagram, ports: PortRange | None = None, *, block_size: int = PLAIN_BLOCK_SIZE) -> SocketType:
    """Return a non-blocking socket on a fresh port, from the address that was asked to the peer that asked.

    The kernel's filter drops what comes from anybody else (RFC 1350 section 4); a stranger gets its port unreachable
    instead of ERROR 5. Path MTU discovery is off for blocks above RFC 1350's, so that a big one is cut into fragments
    and not lost; 512 octets go through anywhere (RFC 791: 576). OSError if there is no port left, of ``ports``
    where that is given. The type is the one below ``socket.socket``, which adds nothing here and costs a microsecond.
    """
    family = socket.AF_INET6 if len(datagram.peer) > _IPV4_LENGTH else socket.AF_INET
    endpoint = SocketType(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, 0)
    try:
        if block_size > PLAIN_BLOCK_SIZE and family == socket.AF_INET:
            endpoint.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _IP_PMTUDISC_DONT)
        if ports is None:
            endpoint.bind(datagram.local)
        else:
            _bind_within(endpoint, datagram.local, ports)
        endpoint.connect(datagram.peer)
    except OSError:
        endpoint.close()
        raise
    return endpoint


def _bind_within(endpoint: SocketType, local: Address, ports: PortRange) -> None:
    """Bind to a free port of the range, at random first: a port that can be foreseen can be forged."""
    count = ports.last - ports.first + 1
    start = int.from_bytes(os.urandom(2), "big")
    for step in range(count):
        host, _, *rest = local
        try:
            endpoint.bind((host, ports.first + (start + step) % count, *rest))
        except OSError as fault:
            if fault.errno != errno.EADDRINUSE:
                raise
        else:
            return
    raise OSError(errno.EADDRINUSE, f"every port from {ports.first} to {ports.last} is in use")


class ConnectedPath:
    """The way to one peer over a socket of its own."""

    __slots__ = ("_segments", "endpoint", "receive", "send")

    def __init__(self, endpoint: SocketType, *, segmentation: bool) -> None:
        self.endpoint = endpoint
        self.send = endpoint.send
        self.receive = endpoint.recv
        self._segments = segmentation

    def send_burst(self, data: bytes, datagram_bytes: int) -> None:
        """Send ``data`` as datagrams of ``datagram_bytes``; the kernel cuts them where it can (UDP_SEGMENT)."""
        if self._segments and datagram_bytes * 2 <= _MOST_SEGMENTED_BYTES:
            per_call = min(_MOST_SEGMENTS, _MOST_SEGMENTED_BYTES // datagram_bytes) * datagram_bytes
            control = [(_SOL_UDP, _UDP_SEGMENT, datagram_bytes.to_bytes(2, sys.byteorder))]
            try:
                if len(data) <= per_call:
                    self.endpoint.sendmsg((data,), control)
                    return
                for start in range(0, len(data), per_call):
                    self.endpoint.sendmsg((data[start : start + per_call],), control)
            except (BlockingIOError, ConnectionRefusedError):
                raise
            except OSError:
                self._segments = False  # this way out can't: the datagrams are too big, or the device does no checksums
            else:
                return
        for start in range(0, len(data), datagram_bytes):
            self.endpoint.send(data[start : start + datagram_bytes])


class SharedPath:
    """The way to one peer over the request socket (single-port mode), from the address that was asked."""

    __slots__ = ("_control", "_listener", "_peer")

    def __init__(self, listener: socket.socket, datagram: Datagram) -> None:
        self._listener = listener
        self._peer = datagram.peer
        host, _, *rest = datagram.local
        if rest:
            level, kind = socket.IPPROTO_IPV6, socket.IPV6_PKTINFO
            source = _PKTINFO6.pack(socket.inet_pton(socket.AF_INET6, host), rest[1])
        else:
            level, kind = socket.IPPROTO_IP, _IP_PKTINFO
            source = _PKTINFO.pack(0, socket.inet_aton(host), bytes(4))
            if listener.family == socket.AF_INET6:
                self._peer = (_MAPPED + datagram.peer[0], datagram.peer[1], 0, 0)
        self._control = [(level, kind, source)]

    def send(self, data: bytes) -> None:
        """Send one datagram."""
        self._listener.sendmsg((data,), self._control, 0, self._peer)

    def send_burst(self, data: bytes, datagram_bytes: int) -> None:
        """Send ``data`` as datagrams of ``datagram_bytes``."""
        for start in range(0, len(data), datagram_bytes):
            self.send(data[start : start + datagram_bytes])


def can_segment() -> bool:
    """Return whether this kernel cuts a long send into datagrams (UDP_SEGMENT)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.setsockopt(_SOL_UDP, _UDP_SEGMENT, 512)
        except OSError:
            return False
    return True


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


def _ttl_of(ancillary: list[tuple[int, int, bytes]]) -> int | None:
    for level, kind, data in ancillary:
        if (level, kind) in _SAYS_TTL:
            number: int = _NUMBER.unpack_from(data)[0]
            return number
    return None
