"""Sources that send far more than they may are dropped by the kernel for a while, before they cost the server anything.

A budget (``limits.budgets``) makes sure that a flood is not answered. But each datagram would still be read, and a
server that reads a quarter of a million a second has no time for phones. So the request sockets get a classic BPF
filter (socket(7), SO_ATTACH_FILTER) with the worst sources' addresses. Transfers in progress have their own sockets,
and go on.

Source addresses can be forged: a flood with another machine's address keeps that machine from asking, as its budget
would, but no longer than the flood and SHUT_OUT_S last.
"""

import contextlib
import ctypes
import socket
import struct
from collections.abc import Collection

TOO_MANY = 1000
"""Datagrams beyond its budget in a second, after which a source is dropped."""
SHUT_OUT_S = 5.0
MOST_SHUT_OUT = 16
_MOST_COUNTED = 4096

# <linux/filter.h>, <asm/socket.h>
_SO_ATTACH_FILTER = 26
_SO_DETACH_FILTER = 27
_NETWORK_HEADER = -0x100000 & 0xFFFFFFFF  # SKF_NET_OFF: offsets from here are the IP header's
_LOAD_WORD, _LOAD_BYTE, _SHIFT_RIGHT, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x30, 0x74, 0x15, 0x06
_WHOLE = 0xFFFFFFFF
_INSTRUCTION = struct.Struct("=HBBI")
_PROGRAM = struct.Struct("@HP")
_SOURCE_V4, _SOURCE_V6 = 12, 8
_IPV4 = 4


class ShuttingOut:
    """Counts datagrams beyond a budget, and drops their sources' packets on the sockets that it must ``guard``."""

    def __init__(self) -> None:
        self._listeners: list[socket.socket] = []
        self._since = 0.0
        self._counts: dict[str, int] = {}
        self._until: dict[str, float] = {}

    def guard(self, listener: socket.socket) -> None:
        """Filter ``listener`` too, and remove a filter that an earlier server left there."""
        self._listeners.append(listener)
        with contextlib.suppress(OSError):
            listener.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)

    def give_up(self) -> None:
        """Remove the filters, and leave the sockets to the next reader."""
        self._until.clear()
        self._apply()
        self._listeners.clear()

    def note(self, host: str, now: float) -> bool:
        """Count a datagram beyond its source's budget; return whether this made its source dropped."""
        if now - self._since >= 1.0:
            self._since, self._counts = now, {}
        count = self._counts.get(host, 0) + 1
        if count == 1 and len(self._counts) >= _MOST_COUNTED:
            return False
        self._counts[host] = count
        if count != TOO_MANY or len(self._until) >= MOST_SHUT_OUT:
            return False
        self._until[host] = now + SHUT_OUT_S
        return self._apply()

    def tidy(self, now: float) -> None:
        """Stop dropping sources whose time is over; to be called now and then."""
        over = [host for host, until in self._until.items() if until <= now]
        for host in over:
            del self._until[host]
        if over:
            self._apply()

    def _apply(self) -> bool:
        program = filter_for(self._until)
        buffer = ctypes.create_string_buffer(program, len(program))
        argument = _PROGRAM.pack(len(program) // _INSTRUCTION.size, ctypes.addressof(buffer))
        is_done = True
        for listener in self._listeners:
            try:
                if self._until:
                    listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, argument)
                else:
                    listener.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)
            except OSError:
                is_done = False  # this kernel has no filters, or no memory: the budgets hold without it
        return is_done


def filter_for(hosts: Collection[str]) -> bytes:
    """Return the program that drops what comes from ``hosts``, IPv4 or IPv6 addresses, and passes everything else."""
    four, six = [], []
    for host in hosts:
        with contextlib.suppress(OSError):
            if ":" in host:
                six.append(socket.inet_pton(socket.AF_INET6, host.partition("%")[0]))
            else:
                four.append(socket.inet_pton(socket.AF_INET, host))
    of_four = [(_LOAD_WORD, 0, 0, _NETWORK_HEADER + _SOURCE_V4)]
    for address in four:
        of_four += [(_JUMP_IF_EQUAL, 0, 1, int.from_bytes(address, "big")), (_RETURN, 0, 0, 0)]
    of_four.append((_RETURN, 0, 0, _WHOLE))
    of_six = []
    for address in six:
        for start in range(0, len(address), 4):
            word = int.from_bytes(address[start : start + 4], "big")
            to_the_next = 7 - start // 2  # behind this address's _RETURN
            of_six += [
                (_LOAD_WORD, 0, 0, _NETWORK_HEADER + _SOURCE_V6 + start),
                (_JUMP_IF_EQUAL, 0, to_the_next, word),
            ]
        of_six.append((_RETURN, 0, 0, 0))
    of_six.append((_RETURN, 0, 0, _WHOLE))
    head = [
        (_LOAD_BYTE, 0, 0, _NETWORK_HEADER),
        (_SHIFT_RIGHT, 0, 0, 4),  # the version of IP
        (_JUMP_IF_EQUAL, 0, len(of_four), _IPV4),
    ]
    return b"".join(_INSTRUCTION.pack(*one) for one in (*head, *of_four, *of_six))
