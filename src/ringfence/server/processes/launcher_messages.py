"""What the supervisor and the launcher say to each other: JSON over a SOCK_SEQPACKET pair.

The launcher first sends ``Prepared`` or ``Unfit``. The supervisor sends ``Start`` with two descriptors, the worker's
end of its control pair and its standard error, and ``Kill``; the launcher answers ``Started`` or ``NotStarted``, and
reports each worker that ended with ``Ended``. ``StartRelay`` comes with one descriptor, over which the phone relay says
all that there is to say of it, so nothing is answered. No worker has an end of this pair.
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
_DESCRIPTORS = 2


class Prepared(Struct, frozen=True, tag=True):
    """The launcher has given up what no worker may have."""


class Unfit(Struct, frozen=True, tag=True):
    """The launcher could not give it up, and ends."""

    why: str


class Start(Struct, frozen=True, tag=True):
    """Start a worker on the descriptors that come along."""


class StartRelay(Struct, frozen=True, tag=True):
    """Start a phone relay on the descriptor that comes along."""


class Kill(Struct, frozen=True, tag=True):
    """End a worker that does not end by itself."""

    pid: int


class Started(Struct, frozen=True, tag=True):
    """There is a worker."""

    pid: int


class NotStarted(Struct, frozen=True, tag=True):
    """No worker was started: the machine refused."""

    why: str


class Ended(Struct, frozen=True, tag=True):
    """A worker ended. ``status`` is its exit status, or, below 0, the signal that ended it."""

    pid: int
    status: int


LauncherMessage = Prepared | Unfit | Start | StartRelay | Kill | Started | NotStarted | Ended
_READER: codec.Reader[LauncherMessage] = codec.Reader(LauncherMessage, "launcher")


def send(channel: socket.socket, message: LauncherMessage, descriptors: Sequence[int] = ()) -> None:
    """Send ``message``, with ``descriptors``.

    Raises:
        OSError: the other end is gone.
    """
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    channel.sendmsg([codec.to_json(message)], rights, socket.MSG_NOSIGNAL)


def receive(channel: socket.socket) -> tuple[LauncherMessage, list[int]] | None:
    """Return the next message and the descriptors that came along (now the caller's); None at the end.

    Raises:
        ControlBroken: the data is not a message; its descriptors are closed.
        OSError: as the socket's.
    """
    room = socket.CMSG_SPACE(_DESCRIPTORS * array.array("i").itemsize)
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
        raise ControlBroken("the launcher sent an unreadable message", where=fault.where) from fault
