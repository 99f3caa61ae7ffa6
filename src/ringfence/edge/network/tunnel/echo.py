"""Asks through the tunnel who is there: echo requests of ICMP (RFC 792), which the other end's kernel answers.

A question also tells whether its sender's calls go this way. A concentrator hears that, so that the way back to a box
is the one that the box has chosen, with the hub away too. The tunnel vouches for who says so.
"""

import os
import select
import socket
import struct
from collections.abc import Iterable, Iterator

from ringfence.edge.errors import TunnelRefused

_ECHO, _ECHO_REPLY = 8, 0
_HEADER = struct.Struct("!BBHHH")
"""Type, code, checksum, identifier, sequence number."""
_MARK_BYTES = 8
_USED, _SPARE = b"ringfence+", b"ringfence-"
"""What follows a question's mark: whether calls go this way."""
_SAID_BYTES = _HEADER.size + _MARK_BYTES + len(_USED)
_MOST_AT_ONCE = 4096
_LONGEST_BYTES = 2048
_WORDS_BITS = 16
_IHL = 0xF


class Echo:
    """Sends echo requests out of one interface, and hears who answers them. Needs CAP_NET_RAW.

    Each question has a random mark, which the answer must bring back: nobody answers for another, or in advance.
    """

    def __init__(self, interface: str) -> None:
        try:
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.IPPROTO_ICMP)
        except OSError as fault:
            raise TunnelRefused("nobody can be asked through the tunnel", where=fault.strerror or str(fault)) from fault
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        except OSError as fault:
            self._socket.close()
            raise TunnelRefused("nobody can be asked through the tunnel", where=fault.strerror or str(fault)) from fault
        self._marks: dict[str, bytes] = {}

    def close(self) -> None:
        """Ask nobody any more."""
        self._socket.close()

    def ask(self, addresses: Iterable[str], used: str = "") -> None:
        """Send each address (IPv4) a question, and tell the one that is ``used`` so.

        What the network does not take is no matter: then nobody answers.
        """
        self._marks = {address: os.urandom(_MARK_BYTES) for address in addresses}
        for address, mark in self._marks.items():
            try:
                self._socket.sendto(_echo_request(mark + (_USED if address == used else _SPARE)), (address, 0))
            except OSError:
                continue

    def answered(self) -> set[str]:
        """Return who has answered the last question since this was asked, without waiting."""
        found: set[str] = set()
        for said, address in self._heard():
            mark = self._marks.get(address)
            if mark is not None and said[0] == _ECHO_REPLY and said[_HEADER.size :].startswith(mark):
                found.add(address)
        return found

    def asked(self) -> dict[str, bool]:
        """Return who has asked this end since this was asked, and whether their calls go this way, as they said last.

        It does not wait; whatever else comes in is passed over.
        """
        return {
            address: said.endswith(_USED)
            for said, address in self._heard()
            if said[0] == _ECHO and said.endswith((_USED, _SPARE))
        }

    def _heard(self) -> Iterator[tuple[bytes, str]]:
        """Yield what may be a question or an answer of this kind, without its IP header, and from whom it is."""
        for _ in range(_MOST_AT_ONCE):
            try:
                packet, (address, _port) = self._socket.recvfrom(_LONGEST_BYTES)
            except BlockingIOError:
                return
            except OSError:
                return  # the interface is gone, and with it whoever could be heard
            said = packet[4 * (packet[0] & _IHL) :] if packet else b""
            if len(said) == _SAID_BYTES:
                yield said, address

    def wait(self, seconds: float) -> None:
        """Wait until something comes, at most so long."""
        select.select([self._socket], [], [], seconds)


def _echo_request(data: bytes) -> bytes:
    head = _HEADER.pack(_ECHO, 0, 0, 0, 0)
    return _HEADER.pack(_ECHO, 0, _checksum(head + data), 0, 0) + data


def _checksum(data: bytes) -> int:
    total: int = sum(word for (word,) in struct.iter_unpack("!H", data))
    while total >> _WORDS_BITS:
        total = (total & 0xFFFF) + (total >> _WORDS_BITS)
    return ~total & 0xFFFF
