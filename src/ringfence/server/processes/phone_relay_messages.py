"""What the agent and the process that takes phones' connections say to each other: JSON over a SOCK_SEQPACKET pair.

The agent sends ``RelayPorts`` with the listening sockets and one that asks the kernel whose an address is, and gets
``RelayReady`` or ``RelayUnfit``. Each phone that connects is a ``PhoneCame``; ``CarryPhone`` comes with the agent's end
of its bytes, ``RefusePhone`` ends it.
"""

import array
import os
import socket
from collections.abc import Sequence

from msgspec import Struct

from ringfence.server.errors import ControlBroken
from ringfence.wire import codec
from ringfence.wire.errors import BadMessage

_LONGEST_BYTES = 4096
_MOST_DESCRIPTORS = 16


class RelayPorts(Struct, frozen=True, tag=True):
    """Take phones' connections; ``services`` names what each of the sockets is for, but for the last one.

    When no phone was there for ``idle_s``, the relay ends.
    """

    services: tuple[str, ...]
    idle_s: float


class CarryPhone(Struct, frozen=True, tag=True):
    """Pass a phone's bytes to the descriptor that comes along, and back."""

    number: int


class RefusePhone(Struct, frozen=True, tag=True):
    """End a phone's connection."""

    number: int


class RelayReady(Struct, frozen=True, tag=True):
    """Phones may come; ``pid`` is the process's number, and ``held_by`` says how it is confined."""

    pid: int
    held_by: str


class RelayUnfit(Struct, frozen=True, tag=True):
    """The process can't work; the sentence says why."""

    why: str


class PhoneCame(Struct, frozen=True, tag=True):
    """Who has this MAC address, by the kernel's table, has connected."""

    number: int
    service: str
    host: str
    mac: str


RelayMessage = RelayPorts | CarryPhone | RefusePhone | RelayReady | RelayUnfit | PhoneCame
_READER: codec.Reader[RelayMessage] = codec.Reader(RelayMessage, "phone relay")


def send(channel: socket.socket, message: RelayMessage, descriptors: Sequence[int] = ()) -> None:
    """Send a message, with descriptors. OSError."""
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    channel.sendmsg([codec.to_json(message)], rights, socket.MSG_NOSIGNAL)


def receive(channel: socket.socket) -> tuple[RelayMessage, list[int]] | None:
    """Return the next message and the descriptors that came along (now the caller's); None at the end.

    Raises:
        ControlBroken: The data is not a message; its descriptors are closed.
        OSError: As the socket's.
    """
    room = socket.CMSG_SPACE(_MOST_DESCRIPTORS * array.array("i").itemsize)
    data, rights, _flags, _ = channel.recvmsg(_LONGEST_BYTES, room, socket.MSG_CMSG_CLOEXEC)
    if not data:
        return None
    found = array.array("i")
    for _level, _kind, part in rights:
        found.frombytes(part[: len(part) - len(part) % found.itemsize])
    try:
        return _READER.read(data), list(found)
    except BadMessage as fault:
        for descriptor in found:
            os.close(descriptor)
        raise ControlBroken("the phone relay sent an unreadable message", where=fault.where) from fault
