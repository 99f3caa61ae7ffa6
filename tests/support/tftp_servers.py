"""The server under test, in its worker process or in a thread of the test, and a phone that says whatever it likes."""

import itertools
import os
import queue
import select
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from ringfence.content.release import TargetKind
from ringfence.guard.policy import Policy
from ringfence.server.access.admission import Admission
from ringfence.server.events import WorkerEvent
from ringfence.server.files.catalogue import NOTHING_OFFERED, Catalogue, Offer
from ringfence.server.io import sockets
from ringfence.server.io.loop import Loop
from ringfence.server.limits.settings import DEFAULT_LIMITS, Limits, PortRange
from ringfence.server.processes.supervisor import WorkerSupervisor
from ringfence.server.tftp.client import fetch
from ringfence.server.tftp.engine import Engine

SOON_S = 60.0
FENCE = "fence"
_FENCE_CONTENT = b"." * 600
NOT_FOUND = b"\0\5\0\1File not found\0"

Event = TypeVar("Event", bound=WorkerEvent)

_hosts = itertools.count(1)


def fresh_host() -> str:
    """Return a loopback address that no test asked from yet: budgets and limits are for each source."""
    number = next(_hosts)
    return f"127.20.{number // 200}.{number % 200 + 1}"


def rrq(name: str | bytes, mode: str = "octet", /, **options: str | int) -> bytes:
    """Return a read request."""
    written = name.encode() if isinstance(name, str) else name
    pairs = b"".join(b"%s\0%s\0" % (key.encode(), str(value).encode()) for key, value in options.items())
    return b"\0\1" + written + b"\0" + mode.encode() + b"\0" + pairs


def ack(block: int) -> bytes:
    """Return an ACK."""
    return b"\0\4" + block.to_bytes(2, "big")


def offer(name: str, data: bytes) -> Offer:
    """Return a file in memory as the server takes it; a phone's own file by its name. The caller closes it."""
    fd = os.memfd_create("offer")
    os.write(fd, data)
    if name.startswith("SEP"):
        return Offer(name, fd, len(data), TargetKind.CONFIGURATION, name[3:15])
    return Offer(name, fd, len(data), TargetKind.SHARED)


@dataclass(frozen=True, slots=True)
class Heard:
    """One datagram that a phone heard."""

    data: bytes
    address: tuple[str, int]

    @property
    def port(self) -> int:
        """The port that it came from."""
        return self.address[1]


class Phone:
    """A socket of its own, and no manners."""

    def __init__(self, server: tuple[str, int], host: str | None = None) -> None:
        family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self._server = server
        if family == socket.AF_INET:
            self.socket.bind((fresh_host() if host is None else host, 0))
        elif host is not None:
            self.socket.bind((host, 0))
        self.address: tuple[str, int] = self.socket.getsockname()[:2]

    def say(self, data: bytes, to: tuple[str, int] | None = None) -> None:
        """Send ``data`` to where the requests go, or to a transfer's address."""
        self.socket.sendto(data, to or self._server)

    def hear(self, timeout_s: float = SOON_S) -> Heard | None:
        """Return the next datagram, or None if none comes in time; 0: what is there already."""
        self.socket.settimeout(timeout_s)
        try:
            data, address = self.socket.recvfrom(65_536)
        except (TimeoutError, BlockingIOError):
            return None
        return Heard(data, address[:2])

    def ask(self, data: bytes, to: tuple[str, int] | None = None, *, timeout_s: float = SOON_S) -> Heard:
        """Say it, and return the answer, which must come."""
        self.say(data, to)
        answer = self.hear(timeout_s)
        assert answer is not None, data
        return answer

    def hear_all(self) -> list[bytes]:
        """Return what has come."""
        heard = []
        while (one := self.hear(0)) is not None:
            heard.append(one.data)
        return heard

    def close(self) -> None:
        """Close the port."""
        self.socket.close()


class ServerUnderTest:
    """What both forms have in common: files, events, phones."""

    def __init__(self, files: Mapping[str, bytes | Offer]) -> None:
        self.events: list[WorkerEvent] = []
        self.addresses: tuple[tuple[str, int], ...] = ()
        self._files = files
        self._phones: list[Phone] = []
        self._release = 0

    @property
    def address(self) -> tuple[str, int]:
        """Where requests go."""
        return self.addresses[0]

    def phone(self, host: str | None = None, *, to: tuple[str, int] | None = None) -> Phone:
        """Return a phone with an address of its own; it lives as long as the server."""
        phone = Phone(to or self.address, host)
        self._phones.append(phone)
        return phone

    def serve(self, files: Mapping[str, bytes | Offer]) -> None:
        """Serve ``files``, and the one that ``settle`` fetches, from the next request on."""
        self._release += 1
        offers = [
            content if isinstance(content, Offer) else offer(name, content)
            for name, content in {**files, FENCE: _FENCE_CONTENT}.items()
        ]
        self._take_over(self._release, offers)

    def settle(self) -> None:
        """Return once everything that was said before has been dealt with.

        The loop deals with what is ready in the order in which it came, and a second block needs another look at it.
        """
        # From an address of its own: a wildcard socket would also hear what is still sent to a closed phone's port.
        host = None if ":" in self.address[0] else self.address[0]
        assert fetch(self.address, FENCE, timeout_s=10.0, source_host=host) == _FENCE_CONTENT

    def hears_nothing(self, phone: Phone, data: bytes, to: tuple[str, int] | None = None) -> bool:
        """Whether ``data`` brings ``phone`` no answer."""
        phone.say(data, to)
        self.settle()
        return phone.hear(0) is None

    def told(self, kind: type[Event], phone: Phone | None = None) -> list[Event]:
        """Return the events of a kind, those about ``phone`` where one is given."""
        found: list[Event] = [event for event in list(self.events) if isinstance(event, kind)]
        if phone is None:
            return found
        peer = phone.address
        return [event for event in found if (getattr(event, "peer_host", ""), getattr(event, "peer_port", 0)) == peer]

    def wait_for(self, condition: Callable[[], object], timeout_s: float = SOON_S) -> None:
        """Wait until ``condition`` holds."""
        until = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < until, self.events
            time.sleep(0.005)

    def start(self) -> None:
        """Start it and serve its first files."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop it. May be called twice."""
        raise NotImplementedError

    def _take_over(self, release: int, offers: list[Offer]) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, where: TracebackType | None
    ) -> None:
        self.stop()
        for phone in self._phones:
            phone.close()


class SupervisedWorker(ServerUnderTest):
    """The server as sites run it: a confined process of its own."""

    def __init__(
        self,
        files: Mapping[str, bytes | Offer],
        *,
        listen: Sequence[tuple[str, int]] = (("127.0.0.1", 0),),
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        super().__init__(files)
        self.log: list[str] = []
        self.supervisor = WorkerSupervisor(
            listen=listen, site="Home", on_event=self.events.append, on_log=self.log.append, limits=limits
        )
        self.addresses = self.supervisor.addresses

    def start(self) -> None:
        """Start the worker."""
        self.supervisor.start()
        self.serve(self._files)

    def stop(self) -> None:
        """Stop the worker."""
        self.supervisor.stop()

    def process_fds(self) -> int:
        """Return how many descriptors the worker has; root only."""
        return len(os.listdir(f"/proc/{self.supervisor.worker_pid}/fd"))  # noqa: PTH208 - counted, not looked at

    def resident_kib(self) -> int:
        """Return the worker's resident memory."""
        return resident_kib(self.supervisor.worker_pid or 0)

    def _take_over(self, release: int, offers: list[Offer]) -> None:
        self.supervisor.offer(release, offers)
        for one in offers:
            os.close(one.fd)


class EngineInThread(ServerUnderTest):
    """The engine alone, for what a supervised worker can't be told: ports, single-port mode, a policy."""

    def __init__(
        self,
        files: Mapping[str, bytes | Offer],
        *,
        host: str = "127.0.0.1",
        limits: Limits = DEFAULT_LIMITS,
        ports: PortRange | None = None,
        single_port: bool = False,
        policy: Policy | None = None,
    ) -> None:
        super().__init__(files)
        self._listener = sockets.listen(host, 0)
        self.addresses = (self._listener.getsockname()[:2],)
        self._loop = Loop()
        self._admission = Admission(self._loop, site="Home", on_event=self.events.append, policy=policy, limits=limits)
        self.engine = Engine(self._loop, self._admission, limits=limits, ports=ports, single_port=single_port)
        self._orders: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._loop.attach(self._wake_reader.fileno(), select.EPOLLIN, self._on_wake)
        self._thread.start()
        self.serve(self._files)
        self._order(lambda: self.engine.listen(self._listener))

    def stop(self) -> None:
        """End the transfers, then the thread."""
        if self._stopping:
            return
        self._order(self._shut)
        self._thread.join()
        self._loop.close()
        for endpoint in (self._listener, self._wake_reader, self._wake_writer):
            endpoint.close()

    def _shut(self) -> None:
        self._stopping = True
        self.engine.close()
        self._admission.adopt(NOTHING_OFFERED)

    def _take_over(self, release: int, offers: list[Offer]) -> None:
        self._order(lambda: self._admission.adopt(Catalogue(release, offers)))

    def _order(self, order: Callable[[], None]) -> None:
        self._orders.put(order)
        self._wake_writer.send(b".")

    def _on_wake(self, _mask: int, _now: float) -> None:
        for _ in self._wake_reader.recv(64):
            self._orders.get()()

    def _run(self) -> None:
        while not self._stopping:
            self._admission.flush()
            self._loop.turn()


def resident_kib(pid: int) -> int:
    """Return a process's resident memory in KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))
