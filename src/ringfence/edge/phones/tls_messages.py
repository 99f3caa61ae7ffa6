"""What the agent and the process that ends phones' TLS say to each other: JSON over a SOCK_SEQPACKET pair.

The agent sends ``ServeTls`` once, with the listening sockets and the line to the worker, and hears ``TlsReady`` or
``TlsUnfit``; later ``TlsFailed`` now and then. A new key or other CAs mean a new process.
"""

import array
import os
import socket
from collections.abc import Sequence

from msgspec import Struct

from ringfence.secret import Secret
from ringfence.server.errors import ControlBroken
from ringfence.wire import codec
from ringfence.wire.errors import BadMessage

LONGEST_BYTES = 192 * 1024
MOST_LISTENERS = 16


class ServeTls(Struct, frozen=True, tag=True):
    """Meet phones by this certificate and key, in PEM.

    Certificates that phones show count if one of ``makers`` (CAs, in PEM) issued them; those of ``issuers`` are let in
    and prove nothing.
    """

    certificate: str
    key: Secret
    makers: tuple[str, ...] = ()
    issuers: tuple[str, ...] = ()


class TlsReady(Struct, frozen=True, tag=True):
    """Phones may come; ``held_by`` says how the process is confined."""

    held_by: str


class TlsUnfit(Struct, frozen=True, tag=True):
    """The process can't work; the sentence says why."""

    why: str


class TlsFailed(Struct, frozen=True, tag=True):
    """TLS with somebody came to nothing; told once in a while of each address."""

    host: str
    why: str


TlsMessage = ServeTls | TlsReady | TlsUnfit | TlsFailed
_READER: codec.Reader[TlsMessage] = codec.Reader(TlsMessage, "TLS process")


def send(channel: socket.socket, message: TlsMessage, descriptors: Sequence[int] = ()) -> None:
    """Send a message, with descriptors. OSError."""
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    channel.sendmsg([codec.to_json(message)], rights, socket.MSG_NOSIGNAL)


def receive(channel: socket.socket) -> tuple[TlsMessage, list[int]] | None:
    """Return the next message and the descriptors that came along (now the caller's); None at the end.

    Raises:
        ControlBroken: The data is not a message; its descriptors are closed.
        OSError: As the socket's.
    """
    room = socket.CMSG_SPACE((MOST_LISTENERS + 1) * array.array("i").itemsize)
    data, rights, _flags, _ = channel.recvmsg(LONGEST_BYTES, room, socket.MSG_CMSG_CLOEXEC)
    found = array.array("i")
    for _level, _kind, part in rights:
        found.frombytes(part[: len(part) - len(part) % found.itemsize])
    if not data:
        return None
    try:
        return _READER.read(data), list(found)
    except BadMessage as fault:
        for descriptor in found:
            os.close(descriptor)
        raise ControlBroken("the TLS process sent an unreadable message", where=fault.where) from fault
