"""What a service manager hands over and wants to hear: sd_listen_fds(3) and sd_notify(3), without its library."""

import contextlib
import os
import socket
from collections.abc import MutableMapping
from dataclasses import dataclass

from ringfence.server.errors import BadServeOption
from ringfence.server.io.sockets import prepare

_FIRST_FD = 3
METRICS_NAME = "metrics"
"""The FileDescriptorName= of a socket for the metrics; every other stream socket is for HTTP."""


@dataclass(frozen=True, slots=True)
class Inherited:
    """The sockets that were bound for us."""

    tftp: tuple[socket.socket, ...] = ()
    http: tuple[socket.socket, ...] = ()
    metrics: tuple[socket.socket, ...] = ()


def take_sockets(environment: MutableMapping[str, str]) -> Inherited:
    """Take over what ``environment`` says was handed to this process, and remove it from there.

    BadServeOption for a socket that nothing here can use.
    """
    owner, count = environment.pop("LISTEN_PID", ""), environment.pop("LISTEN_FDS", "")
    names = environment.pop("LISTEN_FDNAMES", "").split(":")
    if owner != str(os.getpid()) or not count.isdecimal():
        return Inherited()
    tftp, http, metrics = [], [], []
    for index in range(int(count)):
        fd = _FIRST_FD + index
        name = names[index] if index < len(names) else ""
        os.set_inheritable(fd, False)
        try:
            taken = socket.socket(fileno=fd)
        except OSError:
            raise _unusable(fd, name) from None
        taken.setblocking(False)
        is_network = taken.family in {socket.AF_INET, socket.AF_INET6}
        is_listening = taken.type == socket.SOCK_STREAM and taken.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        if taken.type == socket.SOCK_DGRAM and is_network:
            prepare(taken)
            tftp.append(taken)
        elif is_listening and (name == METRICS_NAME or taken.family == socket.AF_UNIX):
            metrics.append(taken)
        elif is_listening and is_network:
            http.append(taken)
        else:
            raise _unusable(fd, name)
    return Inherited(tuple(tftp), tuple(http), tuple(metrics))


def _unusable(fd: int, name: str) -> BadServeOption:
    return BadServeOption(
        "the service manager passed a socket that can't be used",
        where=f"descriptor {fd} {name}".strip(),
        to_do="Use ListenDatagram= for TFTP and ListenStream= for HTTP and metrics, with Accept=no.",
    )


class Notifier:
    """Notifies the service manager; does nothing if there is none.

    It connects at the start, because its socket's path can't be reached once the process is confined.
    """

    def __init__(self, environment: MutableMapping[str, str]) -> None:
        self._socket: socket.socket | None = None
        address = environment.pop("NOTIFY_SOCKET", "")
        if address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            with contextlib.suppress(OSError):
                self._socket.connect("\0" + address[1:] if address.startswith("@") else address)

    def tell(self, *states: str) -> None:
        """Send states such as ``READY=1``; never fails, because the service does not depend on it."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.send("\n".join(states).encode())

    def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
