"""What the hub and its confined processes say to each other: JSON over a socket pair that keeps messages.

The hub's messages may bring a descriptor; a process's never do.
"""

import array
import os
import socket
import ssl
from typing import Any, Generic, TypeVar

from ringfence.secret import Secret
from ringfence.wire import codec

LARGEST_MESSAGE_BYTES = 64 * 1024
_DESCRIPTORS = array.array("i", [0])

Order = TypeVar("Order")
News = TypeVar("News")


class ChildChannel(Generic[Order, News]):
    """The messages of one kind of process.

    Args:
        orders: What the hub sends: a union of tagged Structs.
        news: What the process sends.
        called: The process, as errors name it.
    """

    def __init__(self, orders: Any, news: Any, called: str) -> None:  # noqa: ANN401 - a union is no type to a checker
        self._orders: codec.Reader[Order] = codec.Reader(orders, f"{called} order")
        self._news: codec.Reader[News] = codec.Reader(news, f"{called} message")
        self._called = called

    def to_bytes(self, message: Order | News) -> bytes:
        """Return a message as it is sent. ValueError where it is too large."""
        data = codec.to_json(message)
        if len(data) > LARGEST_MESSAGE_BYTES:
            raise ValueError(f"a {self._called} message is too large")
        return data

    def send(self, channel: socket.socket, message: Order | News, descriptor: int | None = None) -> None:
        """Send a message, and with it a descriptor. OSError, ValueError where it is too large."""
        passed = [] if descriptor is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))]
        channel.sendmsg([self.to_bytes(message)], passed, socket.MSG_NOSIGNAL)

    def receive_order(self, channel: socket.socket) -> tuple[Order | None, int | None]:
        """Return the hub's next message, None if it is gone, and the descriptor with it. BadMessage, OSError."""
        data, passed, _flags, _from = channel.recvmsg(LARGEST_MESSAGE_BYTES, socket.CMSG_SPACE(_DESCRIPTORS.itemsize))
        found = array.array("i")
        for level, kind, value in passed:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                found.frombytes(value[: len(value) - len(value) % found.itemsize])
        return (self._orders.read(data) if data else None), (found[0] if found else None)

    def receive_news(self, channel: socket.socket) -> News | None:
        """Return the process's next message; None if it is gone. BadMessage, OSError."""
        data = channel.recv(LARGEST_MESSAGE_BYTES)
        return self._news.read(data) if data else None


def load_own(context: ssl.SSLContext, certificate: str, key: Secret) -> None:
    """Have a TLS context show a certificate by its key, both in PEM, without a file that anybody sees.

    Raises:
        ssl.SSLError: They can't be read, or do not belong together.
    """
    own = os.memfd_create("own", os.MFD_CLOEXEC)  # ssl reads a key from a file alone
    try:
        os.write(own, key.reveal().encode() + b"\n" + certificate.encode())
        context.load_cert_chain(f"/proc/self/fd/{own}")
    finally:
        os.close(own)
