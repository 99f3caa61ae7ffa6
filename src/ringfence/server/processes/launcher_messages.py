"""What the supervisor and the launcher say to each other: JSON over a SOCK_SEQPACKET pair.

The launcher begins with ``Prepared`` or ``Unfit``. The supervisor sends ``Start`` with two descriptors, the worker's
end of its control pair and its standard error, and ``Kill``; the launcher answers ``Started`` or ``NotStarted``, and
tells of each worker that ended: ``Ended``. No worker has an end of this pair.
"""

import array
import json
import os
import socket
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from ringfence.server.errors import ControlBroken

_LONGEST_BYTES = 4096
_DESCRIPTORS = 2


@dataclass(frozen=True, slots=True)
class Prepared:
    """The launcher has given up what no worker may have."""


@dataclass(frozen=True, slots=True)
class Unfit:
    """The launcher could not give it up, and ends."""

    why: str


@dataclass(frozen=True, slots=True)
class Start:
    """Start a worker on the descriptors that come along."""


@dataclass(frozen=True, slots=True)
class Kill:
    """End a worker that does not end by itself."""

    pid: int


@dataclass(frozen=True, slots=True)
class Started:
    """There is a worker."""

    pid: int


@dataclass(frozen=True, slots=True)
class NotStarted:
    """There is none: the machine refuses."""

    why: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A worker is no more. ``status`` is its exit status, or below 0 the signal that ended it."""

    pid: int
    status: int


Message = Prepared | Unfit | Start | Kill | Started | NotStarted | Ended
_KINDS = {kind.__name__: kind for kind in (Prepared, Unfit, Start, Kill, Started, NotStarted, Ended)}


def send(channel: socket.socket, message: Message, descriptors: Sequence[int] = ()) -> None:
    """Send ``message``, with ``descriptors``. OSError where the other end is gone."""
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    data = json.dumps({"t": type(message).__name__, **asdict(message)}).encode()
    channel.sendmsg([data], rights, socket.MSG_NOSIGNAL)


def receive(channel: socket.socket) -> tuple[Message, list[int]] | None:
    """Return the next message and the descriptors that came along (now the caller's); None at the end.

    ControlBroken for what is no message; OSError as the socket's.
    """
    room = socket.CMSG_SPACE(_DESCRIPTORS * array.array("i").itemsize)
    data, rights, _flags, _ = channel.recvmsg(_LONGEST_BYTES, room, socket.MSG_CMSG_CLOEXEC)
    if not data:
        return None
    found = array.array("i")
    for _level, _kind, part in rights:
        found.frombytes(part[: len(part) - len(part) % found.itemsize])
    try:
        document = json.loads(data)
        return _KINDS[document.pop("t")](**document), list(found)
    except (ValueError, TypeError, KeyError, AttributeError) as fault:
        for descriptor in found:
            os.close(descriptor)
        raise ControlBroken("a message of the launcher's is none") from fault
