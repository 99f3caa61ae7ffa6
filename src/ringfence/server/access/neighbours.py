"""What the kernel knows about this machine's links: which MAC address an address has, and which networks there are.

The worker asks over rtnetlink, on a socket that the parent created. The kernel answers within the call, so the worker
needs no help and no waiting. It may read these tables without any privilege, and can't change anything with this
socket, because the kernel also checks the sender's privileges. A phone that sends us a request has resolved our address
before, so it is in the neighbour table by then (ARP: RFC 826; IPv6: RFC 4861).

An address may be in the tables of several links, so each link is asked for it, and again for each question, because
another machine may have taken it over since. Only the address is asked for, so that the answer costs the same however
many neighbours there are; a kernel that can't (before Linux 5.0) tells the whole tables. Links and their networks
change rarely, and are cached for some seconds.
"""

import contextlib
import errno
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_interface

from ringfence.guard.evidence import Shown
from ringfence.guard.policy import Network, is_inside, plain_address

KEPT_S = 5.0
"""How long links and their networks are kept."""
MOST_LINKS_ASKED = 32
"""With more links than this, all tables at once are the shorter answer."""
_RECEIVE_BYTES = 1 << 16
_MOST_MESSAGES = 4096

# linux/netlink.h, linux/rtnetlink.h, linux/neighbour.h, linux/if_addr.h, linux/if_link.h
_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_NEIGHBOUR = struct.Struct("=BxxxiHBB")  # family, interface, state, flags, type
_ADDRESS = struct.Struct("=BBBBI")  # family, prefix length, flags, scope, interface
_LINK = struct.Struct("=BxHiII")  # family, type, interface, flags, change
_ATTRIBUTE = struct.Struct("=HH")  # length, type
_ERROR = struct.Struct("=i")
_NEW_LINK, _GET_LINK = 16, 18
_NEW_ADDRESS, _GET_ADDRESS = 20, 22
_NEW_NEIGHBOUR, _GET_NEIGHBOUR = 28, 30
_NEW_TABLES, _GET_TABLES = 64, 66  # linux/neighbour.h: NDTA_NAME, NDTA_THRESH3
_TABLE_NAME, _MOST_ENTRIES, _NUMBER = 1, 4, struct.Struct("=I")
_DONE, _FAILED = 3, 2
_REQUEST, _REQUEST_DUMP = 0x001, 0x001 | 0x300
_LOOPBACK = 0x8
_DESTINATION, _LINK_ADDRESS = 1, 2
_ANY_ADDRESS, _LOCAL_ADDRESS = 1, 2
_LINK_NAME = 3
_INCOMPLETE, _REACHABLE, _FAILED_STATE, _NO_ARP, _PERMANENT = 0x01, 0x02, 0x20, 0x40, 0x80
_UNPROVEN = _INCOMPLETE | _FAILED_STATE | _NO_ARP
_PROVEN_NOW = _REACHABLE | _PERMANENT
_CANT_ANSWER_ONE = frozenset({errno.EOPNOTSUPP, errno.EINVAL})
_MAC_BYTES = 6
_DISCARD = 9
"""The port that throws everything away (RFC 863)."""
_LEAST_BODY_BYTES = 16
"""The longest of the heads that rows begin with; each row of ours has attributes behind it."""


def open_socket() -> socket.socket:
    """Return the socket to ask on; OSError if the kernel has no rtnetlink."""
    made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
    try:
        made.bind((0, 0))
    except OSError:
        made.close()
        raise
    return made


@dataclass(frozen=True, slots=True)
class _Neighbour:
    host: str
    mac: str
    link: int
    is_proven_now: bool


class Neighbours:
    """The neighbour tables as they are now."""

    def __init__(self, links: "Links") -> None:
        self._links = links

    def shown_for(self, host: str) -> tuple[Shown, ...]:
        """Return the MAC addresses that links show for an address, each with its link."""
        names = self._links.names
        found = {(each.mac, names.get(each.link, f"link {each.link}")) for each in self._links.entries_of(host)}
        return tuple(Shown(mac, link) for mac, link in sorted(found))

    def is_proven_at(self, mac: str, host: str) -> bool:
        """Return whether the MAC address has just answered for that address."""
        return any(each.is_proven_now and each.mac == mac for each in self._links.entries_of(host))


class Links:
    """The links as they are now. If the kernel does not answer, files that need to know are refused."""

    def __init__(self, asked_on: socket.socket) -> None:
        self._socket = asked_on
        self._socket.setblocking(False)
        self._sequence = 0
        self.names: dict[int, str] = {}
        """Of the links, by their numbers, as of the last look."""
        self._neighbourly: tuple[int, ...] = ()
        self._answers_one = True
        self._networks: tuple[Network, ...] = ()
        self._read_at = float("-inf")

    def neighbours(self, now: float) -> Neighbours:
        """Return the neighbour tables."""
        self._refresh(now)
        return Neighbours(self)

    def entries_of(self, host: str) -> list[_Neighbour]:
        """Return what the links' tables hold of an address."""
        plain = _plain(host)
        try:
            address, family = socket.inet_pton(socket.AF_INET, plain), socket.AF_INET
        except OSError:
            try:
                address, family = socket.inet_pton(socket.AF_INET6, plain), socket.AF_INET6
            except OSError:
                return []
        attribute = _ATTRIBUTE.pack(_ATTRIBUTE.size + len(address), _DESTINATION) + address
        bodies: list[bytes] = []
        asks_each = self._answers_one and len(self._neighbourly) <= MOST_LINKS_ASKED
        for link in self._neighbourly if asks_each else ():
            try:
                bodies += self._ask(_GET_NEIGHBOUR, _NEW_NEIGHBOUR, _NEIGHBOUR.pack(family, link, 0, 0, 0) + attribute)
            except OSError as fault:
                if fault.errno in _CANT_ANSWER_ONE:
                    self._answers_one = asks_each = False
                    break
            except struct.error:
                continue
        if not asks_each:
            bodies = list(self._dump(_GET_NEIGHBOUR, _NEW_NEIGHBOUR, _NEIGHBOUR.pack(socket.AF_UNSPEC, 0, 0, 0, 0)))
        found = (_neighbour(body) for body in bodies)
        return [each for each in found if each is not None and each.host == plain]

    def resolve(self, host: str) -> None:
        """Have the kernel ask an address for its MAC address: it does, before it can send there anything at all."""
        plain = _plain(host)
        family = socket.AF_INET6 if ":" in plain else socket.AF_INET
        zone = host.partition("%")[2]
        to = (plain, _DISCARD) if family == socket.AF_INET else (plain, _DISCARD, 0, int(zone) if zone.isdigit() else 0)
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as probe:
            probe.sendto(b"", to)

    def most_neighbours(self) -> int:
        """Return how many IPv4 neighbours the kernel has room for (gc_thresh3), 0 if it does not say."""
        for body in self._dump(_GET_TABLES, _NEW_TABLES, struct.pack("=Bxxx", socket.AF_INET)):
            attributes = _attributes(body, 4)
            most = attributes.get(_MOST_ENTRIES, b"")
            if attributes.get(_TABLE_NAME, b"").rstrip(b"\0") == b"arp_cache" and len(most) == _NUMBER.size:
                return int(_NUMBER.unpack(most)[0])
        return 0

    def has(self, host: str, now: float) -> bool:
        """Return whether an address is one of a network of this machine's own links."""
        self._refresh(now)
        return is_inside(host, self._networks)

    def _refresh(self, now: float) -> None:
        if now - self._read_at < KEPT_S:
            return
        self._read_at = now
        names: dict[int, str] = {}
        neighbourly: list[int] = []
        for body in self._dump(_GET_LINK, _NEW_LINK, _LINK.pack(socket.AF_UNSPEC, 0, 0, 0, 0)):
            _family, _type, index, flags, _change = _LINK.unpack_from(body)
            named = _attributes(body, _LINK.size).get(_LINK_NAME, b"").rstrip(b"\0")
            names[index] = named.decode("ascii", "replace")
            if not flags & _LOOPBACK:
                neighbourly.append(index)
        networks = []
        for body in self._dump(_GET_ADDRESS, _NEW_ADDRESS, _ADDRESS.pack(socket.AF_UNSPEC, 0, 0, 0, 0)):
            family, prefix, _flags, _scope, _index = _ADDRESS.unpack_from(body)
            attributes = _attributes(body, _ADDRESS.size)
            # On a point-to-point link the address is the peer's, and the local one is ours.
            raw = attributes.get(_ANY_ADDRESS) or attributes.get(_LOCAL_ADDRESS) or b""
            if family in {socket.AF_INET, socket.AF_INET6} and len(raw) == (4 if family == socket.AF_INET else 16):
                networks.append(ip_interface(f"{socket.inet_ntop(family, raw)}/{prefix}").network)
        self.names, self._networks, self._neighbourly = names, tuple(networks), tuple(neighbourly)

    def _ask(self, kind: int, answers: int, body: bytes) -> list[bytes]:
        """Ask for one row and return it; none where there is none. OSError if the kernel can't be asked so."""
        self._sequence += 1
        rows: list[bytes] = []
        self._socket.send(_HEADER.pack(_HEADER.size + len(body), kind, _REQUEST, self._sequence, 0) + body)
        while not rows:
            data = self._socket.recv(_RECEIVE_BYTES)
            try:
                _take(data, self._sequence, answers, rows)
            except OSError as fault:
                if fault.errno == errno.ENOENT:
                    return []
                raise
        return rows

    def _dump(self, kind: int, answers: int, body: bytes) -> Iterator[bytes]:
        """Ask for a table and return its rows; none where the kernel won't say all of it."""
        self._sequence += 1
        rows: list[bytes] = []
        try:
            self._socket.send(_HEADER.pack(_HEADER.size + len(body), kind, _REQUEST_DUMP, self._sequence, 0) + body)
            for _ in range(_MOST_MESSAGES):
                if _take(self._socket.recv(_RECEIVE_BYTES), self._sequence, answers, rows):
                    return iter(rows)
        except (OSError, struct.error):
            pass
        return iter(())


def _take(data: bytes, sequence: int, answers: int, rows: list[bytes]) -> bool:
    """Add the rows that a datagram of the kernel's has; return whether it was the last one."""
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, _flags, of, _port = _HEADER.unpack_from(data, at)
        if length < _HEADER.size or at + length > len(data):
            raise OSError(errno.EBADMSG, "a netlink message was cut short")
        body = data[at + _HEADER.size : at + length]
        at += (length + 3) & ~3
        if of != sequence:
            continue  # what is left of an answer that was given up
        if kind == _DONE:
            return True
        if kind == _FAILED:
            raise OSError(-_ERROR.unpack_from(body)[0], "the kernel refused the question")
        if kind == answers and len(body) >= _LEAST_BODY_BYTES:
            rows.append(body)
    return False


def _attributes(body: bytes, at: int) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    while at + _ATTRIBUTE.size <= len(body):
        length, kind = _ATTRIBUTE.unpack_from(body, at)
        if length < _ATTRIBUTE.size:
            break
        found[kind] = body[at + _ATTRIBUTE.size : at + length]
        at += (length + 3) & ~3
    return found


def _neighbour(body: bytes) -> _Neighbour | None:
    family, link, state, _flags, _type = _NEIGHBOUR.unpack_from(body)
    if state & _UNPROVEN or family not in {socket.AF_INET, socket.AF_INET6}:
        return None
    attributes = _attributes(body, _NEIGHBOUR.size)
    address, mac = attributes.get(_DESTINATION, b""), attributes.get(_LINK_ADDRESS, b"")
    if len(mac) != _MAC_BYTES or len(address) != (4 if family == socket.AF_INET else 16):
        return None
    return _Neighbour(socket.inet_ntop(family, address), mac.hex().upper(), link, bool(state & _PROVEN_NOW))


def _plain(host: str) -> str:
    address = plain_address(host)
    return host if address is None else str(address)
