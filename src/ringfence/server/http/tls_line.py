"""Connections whose TLS another process has ended: the worker gets their plain bytes, and who is at the other end.

The edge's TLS process (``edge/phones/tls_child.py``) sends a message for each over a SOCK_SEQPACKET pair, with one end
of a stream pair. What the worker writes into that is taken out of it once the phone's TCP has acknowledged it, so that
“the peer has all” means here what it means on a connection of its own.
"""

import array
import contextlib
import os
import socket

from msgspec import Struct

from ringfence.server.errors import ControlBroken
from ringfence.wire import codec
from ringfence.wire.errors import BadMessage

_LONGEST_BYTES = 512
_RIGHTS = array.array("i", [0])


class TlsPeer(Struct, frozen=True):
    """Who connected: its address, and the phone (bare address) whose certificate it has shown, with proof of its key.

    ``is_proof``: the certificate is of the phone's maker, and so raises its level (L4).
    """

    host: str
    port: int
    certificate_of: str = ""
    is_proof: bool = False


_READER: codec.Reader[TlsPeer] = codec.Reader(TlsPeer, "TLS")


def send_peer(line: socket.socket, peer: TlsPeer, descriptor: int) -> None:
    """Hand a connection over. OSError: the worker takes none now."""
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))]
    line.sendmsg([codec.to_json(peer)], rights, socket.MSG_NOSIGNAL | socket.MSG_DONTWAIT)


def receive_peer(line: socket.socket) -> tuple[TlsPeer, socket.socket] | None:
    """Return the next connection; None where the line is closed.

    Raises:
        BlockingIOError: There is none.
        ControlBroken: What came is none; its descriptors are closed.
    """
    room = socket.CMSG_SPACE(2 * _RIGHTS.itemsize)
    data, rights, _flags, _ = line.recvmsg(_LONGEST_BYTES, room, socket.MSG_CMSG_CLOEXEC)
    found = array.array("i")
    for _level, _kind, part in rights:
        found.frombytes(part[: len(part) - len(part) % found.itemsize])
    if not data:
        return None
    peer: TlsPeer | None = None
    with contextlib.suppress(BadMessage):
        peer = _READER.read(data)
    if peer is None or len(found) != 1:
        for descriptor in found:
            os.close(descriptor)
        raise ControlBroken("the TLS process sent an unreadable message, or no descriptor with it")
    endpoint = socket.socket(fileno=found[0])
    endpoint.setblocking(False)
    return peer, endpoint
