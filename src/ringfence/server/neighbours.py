"""Whose address is it? What the kernel's neighbour tables say, asked over rtnetlink on a socket that the parent made.

The kernel answers within the call, so the worker needs nobody's help and no wait: it may read these tables without any
privilege, and can change nothing by this socket, for the kernel looks at the sender's privileges too. A phone that
asks us has resolved our address before, so it is in the table by then (ARP: RFC 826; IPv6: RFC 4861).

The tables are read whole, for an address may stand in those of several links, and for each question anew: what was true
a moment ago may be another machine's place by now.
"""

import errno
import socket
import struct
from collections.abc import Mapping

_RECEIVE_BYTES = 1 << 16
_MOST_MESSAGES = 4096

# linux/netlink.h, linux/rtnetlink.h, linux/neighbour.h
_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_NEIGHBOUR = struct.Struct("=BxxxiHBB")  # family, interface, state, flags, type
_ATTRIBUTE = struct.Struct("=HH")  # length, type
_ERROR = struct.Struct("=i")
_GET, _NEW, _DONE, _FAILED = 30, 28, 3, 2
_REQUEST_DUMP = 0x001 | 0x300
_DESTINATION, _LINK_ADDRESS = 1, 2
_INCOMPLETE, _FAILED_STATE, _NO_ARP = 0x01, 0x20, 0x40
_UNPROVEN = _INCOMPLETE | _FAILED_STATE | _NO_ARP
_MAC_BYTES = 6

Table = Mapping[str, frozenset[str]]
"""Address, as Python writes it → the bare MAC addresses that links show for it."""


def open_socket() -> socket.socket:
    """Return the socket to ask on; OSError where the kernel has no rtnetlink."""
    made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
    try:
        made.bind((0, 0))
    except OSError:
        made.close()
        raise
    return made


class Neighbours:
    """The neighbour tables as they are now."""

    def __init__(self, asked_on: socket.socket) -> None:
        self._socket = asked_on
        self._socket.setblocking(False)
        self._sequence = 0

    def macs_of(self, host: str) -> frozenset[str]:
        """Return the MAC addresses that links show for an address; none where none does, or the kernel won't say."""
        return self._read().get(_plain(host), frozenset())

    def _read(self) -> Table:
        self._sequence += 1
        ask = _HEADER.pack(_HEADER.size + _NEIGHBOUR.size, _GET, _REQUEST_DUMP, self._sequence, 0)
        found: dict[str, set[str]] = {}
        try:
            self._socket.send(ask + _NEIGHBOUR.pack(socket.AF_UNSPEC, 0, 0, 0, 0))
            for _ in range(_MOST_MESSAGES):
                if _take(self._socket.recv(_RECEIVE_BYTES), self._sequence, found):
                    break
        except (OSError, struct.error):
            return {}  # nothing is known then, and what needs to be known is refused
        return {host: frozenset(macs) for host, macs in found.items()}


def _take(data: bytes, sequence: int, found: dict[str, set[str]]) -> bool:
    """Add what a datagram of the kernel's tells; say whether it was the last one."""
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, _flags, of, _port = _HEADER.unpack_from(data, at)
        if length < _HEADER.size or at + length > len(data):
            raise OSError(errno.EBADMSG, "a netlink message was cut")
        body = data[at + _HEADER.size : at + length]
        at += (length + 3) & ~3
        if of != sequence:
            continue  # what is left of an answer that was given up
        if kind == _DONE:
            return True
        if kind == _FAILED:
            raise OSError(-_ERROR.unpack_from(body)[0], "the kernel refuses to tell neighbours")
        if kind == _NEW:
            _note(body, found)
    return False


def _note(body: bytes, found: dict[str, set[str]]) -> None:
    family, _interface, state, _flags, _type = _NEIGHBOUR.unpack_from(body)
    if state & _UNPROVEN or family not in {socket.AF_INET, socket.AF_INET6}:
        return
    attributes: dict[int, bytes] = {}
    at = _NEIGHBOUR.size
    while at + _ATTRIBUTE.size <= len(body):
        length, kind = _ATTRIBUTE.unpack_from(body, at)
        if length < _ATTRIBUTE.size:
            return
        attributes[kind] = body[at + _ATTRIBUTE.size : at + length]
        at += (length + 3) & ~3
    address, mac = attributes.get(_DESTINATION, b""), attributes.get(_LINK_ADDRESS, b"")
    if len(mac) == _MAC_BYTES and len(address) == (4 if family == socket.AF_INET else 16):
        found.setdefault(socket.inet_ntop(family, address), set()).add(mac.hex().upper())


def _plain(host: str) -> str:
    """Return an address without its zone, and IPv4 as IPv4, whatever socket it came by."""
    return host.partition("%")[0].removeprefix("::ffff:")
