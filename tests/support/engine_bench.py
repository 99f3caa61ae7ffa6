"""An engine on loopback, turned by hand, and phones that say one thing at a time."""

import os
import socket
import time
from collections.abc import Callable

from ringfence.content.release import TargetKind
from ringfence.server.access.admission import Admission
from ringfence.server.events import (
    WorkerEvent,
)
from ringfence.server.files.catalogue import NOTHING_OFFERED, Catalogue, Offer
from ringfence.server.io import sockets
from ringfence.server.io.loop import Loop
from ringfence.server.limits.settings import Limits, PortRange
from ringfence.server.tftp.engine import Engine

MAC = "001122334455"
NAME = f"SEP{MAC}.cnf.xml"
ANY = "0.0.0.0"  # noqa: S104 - the address that was asked is what these tests are about
NOT_FOUND = b"\0\5\0\1File not found\0"


def offer(name: str, data: bytes, kind: TargetKind = TargetKind.SHARED, owner: str | None = None) -> Offer:
    fd = os.memfd_create("offer")
    os.write(fd, data)
    return Offer(name, fd, len(data), kind, owner)


OWN_HOST = f"127.21.{os.getpid() >> 8 & 0xFF}.{os.getpid() & 0xFF}"
"""Where phones ask from: a wildcard socket also hears what others still send to a port that was another's before."""


class Bench:
    """An engine with its listener, and phones that say one thing at a time."""

    def __init__(
        self,
        host: str = "127.0.0.1",
        limits: Limits | None = None,
        ports: PortRange | None = None,
        *,
        single_port: bool = False,
        segmentation: bool | None = None,
        accelerated: bool | None = None,
    ) -> None:
        self.events: list[WorkerEvent] = []
        self.listener = sockets.listen(host, 0)
        self.address = self.listener.getsockname()
        self.loop = Loop(accelerated=accelerated)
        self.admission = Admission(self.loop, site="Home", on_event=self.events.append, limits=limits or Limits())
        self.engine = Engine(
            self.loop,
            self.admission,
            limits=limits or Limits(),
            ports=ports,
            single_port=single_port,
            segmentation=segmentation,
        )
        self.admission.adopt(
            Catalogue(1, [offer(NAME, b"c" * 600, TargetKind.CONFIGURATION, MAC), offer("big", b"b" * 5000)])
        )
        self.engine.listen(self.listener)
        self.phones: list[socket.socket] = []

    def phone(self, host: str | None = None) -> socket.socket:
        phone = socket.socket(self.listener.family, socket.SOCK_DGRAM)
        if host is None and self.listener.family == socket.AF_INET:
            host = OWN_HOST
        if host is not None:
            phone.bind((host, 0))
        phone.settimeout(0.2)
        self.phones.append(phone)
        return phone

    def say(self, phone: socket.socket, data: bytes, to: object = None) -> tuple[bytes, tuple[str, int]] | None:
        phone.sendto(data, to or self.address)  # type: ignore[arg-type]  # an address as the socket gave it
        self.turn()
        return self.hear(phone)

    def hear(self, phone: socket.socket) -> tuple[bytes, tuple[str, int]] | None:
        phone.setblocking(False)
        try:
            return phone.recvfrom(65536)
        except BlockingIOError:
            return None

    def turn(self, times: int = 2) -> None:
        for _ in range(times):
            self.loop.turn(0.0)

    def turn_until(self, condition: Callable[[], object], timeout_s: float = 5.0) -> None:
        until = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < until
            self.loop.turn(0.05)

    def close(self) -> None:
        self.engine.close()
        self.admission.adopt(NOTHING_OFFERED)
        self.loop.close()
        self.listener.close()
        for phone in self.phones:
            phone.close()


def rrq(name: str = NAME, mode: str = "octet", options: bytes = b"") -> bytes:
    return b"\0\1" + name.encode() + b"\0" + mode.encode() + b"\0" + options
