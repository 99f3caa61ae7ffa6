"""Phones' connections to CAPF and TVS at an edge: taken by a process of their own, and carried to the hub by the agent.

The agent reads nothing of them: it passes bytes between the relay (``server/processes/phone_relay.py``), which has the
sockets that phones reach, and its own connection to the hub.
"""

import contextlib
import select
import socket
import threading
import time
from collections.abc import Callable, Sequence

from ringfence.edge.errors import HubRefused, HubUnreachable, RelayUnfitToRun
from ringfence.edge.reporting.log import Log
from ringfence.errors import RingfenceError
from ringfence.server.access.neighbours import open_socket as open_links
from ringfence.server.errors import ControlBroken
from ringfence.server.io.sockets import listen_tcp
from ringfence.server.processes import phone_relay_messages as messages
from ringfence.server.processes.handles import LauncherProcess
from ringfence.server.processes.phone_relay_messages import (
    CarryPhone,
    PhoneCame,
    RefusePhone,
    RelayPorts,
    RelayReady,
    RelayUnfit,
)
from ringfence.wire.phone_services import MOST_AT_ONCE, PORTS

START_S = 30.0
FIRST_RESTART_S, LONGEST_RESTART_S = 0.5, 30.0
IDLE_S = 120.0
"""How long the process waits for another phone: one that fails comes again after 30 s (TRUST.md)."""
TELL_AGAIN_S = 600.0
"""How long the same trouble is not told again."""

Carry = Callable[[str, str, socket.socket], None]
"""Carries a phone's bytes to the hub and back: the service, the phone's MAC address, the phone. HubUnreachable,
HubRefused."""


class PhoneServicesPort:
    """The ports that phones reach, and the process behind them, which there is while phones come.

    Args:
        hosts: The addresses at which phones connect.
        launcher: What the process comes from.
        ports: Where each service is.
        freebind: Whether the addresses need not be this machine's yet.
        idle_s: How long the process stays when no phone is there.

    Raises:
        PortInUse, ListenRefused: An address can't be listened on.
    """

    def __init__(
        self,
        hosts: Sequence[str],
        launcher: LauncherProcess,
        ports: dict[str, int] | None = None,
        *,
        freebind: bool = False,
        idle_s: float = IDLE_S,
    ) -> None:
        self._services: list[str] = []
        self._listeners: list[socket.socket] = []
        for host in hosts:
            for service, port in (ports or dict(PORTS)).items():
                self._services.append(service)
                self._listeners.append(listen_tcp(host, port, freebind=freebind))
        self._launcher, self._idle_s = launcher, idle_s
        self._process: _RelayProcess | None = None
        self._pid: int | None = None
        self._stopping = threading.Event()
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._thread: threading.Thread | None = None
        self._places = threading.BoundedSemaphore(MOST_AT_ONCE)
        self._told_at: dict[str, float] = {}

    @property
    def addresses(self) -> Sequence[tuple[str, str, int]]:
        """Where phones connect: service, host, port."""
        bound = [each.getsockname() for each in self._listeners]
        return [(service, str(at[0]), int(at[1])) for service, at in zip(self._services, bound, strict=True)]

    @property
    def pid(self) -> int | None:
        """The process's number, None while there is none."""
        return self._pid

    def start(self, carry: Carry, is_phone: Callable[[str], bool], log: Log) -> None:
        """Take phones from now on.

        Args:
            carry: Carries one to the hub.
            is_phone: Whether a MAC address is a phone's that takes its files here.
            log: Is told what hinders it.
        """
        self._thread = threading.Thread(
            target=self._run, args=(carry, is_phone, log), name="phone-services", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Take no more phones, and end the process."""
        self._stopping.set()
        self._wake_writer.close()
        process = self._process
        if process is not None:
            process.end()
        if self._thread is not None:
            self._thread.join()
        for each in (*self._listeners, self._wake_reader):
            each.close()

    def _run(self, carry: Carry, is_phone: Callable[[str], bool], log: Log) -> None:
        pause_s = FIRST_RESTART_S
        while self._is_wanted():
            began_at = time.monotonic()
            try:
                running = self._process = _RelayProcess(self._launcher)
                if self._stopping.is_set():  # `close` may have looked before there was one
                    running.end()
                self._pid = running.greet(self._services, self._listeners, self._idle_s)
                while (came := running.receive()) is not None:
                    self._on_came(running, came, carry, is_phone, log)
            except (OSError, RingfenceError) as fault:
                if not self._stopping.is_set():
                    self._tell(log, f"Phones' connections to CAPF and TVS are not taken for now: {fault}")
            ended, self._process, self._pid = self._process, None, None
            if ended is not None:
                ended.end()
                ended.close()
            pause_s = FIRST_RESTART_S if time.monotonic() - began_at > LONGEST_RESTART_S else pause_s
            self._stopping.wait(pause_s)
            pause_s = min(2 * pause_s, LONGEST_RESTART_S)

    def _is_wanted(self) -> bool:
        """Wait until a phone comes, and return whether it is to be taken."""
        poller = select.poll()
        for each in (*self._listeners, self._wake_reader):
            poller.register(each, select.POLLIN)
        poller.poll()
        return not self._stopping.is_set()

    def _on_came(
        self, process: "_RelayProcess", came: PhoneCame, carry: Carry, is_phone: Callable[[str], bool], log: Log
    ) -> None:
        if not is_phone(came.mac):
            self._tell(log, f"What is at {came.host} is no phone that takes its files here, so it is not let through.")
            process.tell(RefusePhone(came.number))
            return
        if not self._places.acquire(blocking=False):
            process.tell(RefusePhone(came.number))
            return
        ours, relays = socket.socketpair()
        with relays:
            process.tell(CarryPhone(came.number), [relays.fileno()])
        thread = threading.Thread(
            target=self._carry, args=(came, ours, carry, log), name=f"phone-{came.service}", daemon=True
        )
        thread.start()

    def _carry(self, came: PhoneCame, line: socket.socket, carry: Carry, log: Log) -> None:
        try:
            with line:
                carry(came.service, came.mac, line)
        except (HubUnreachable, HubRefused) as fault:
            self._tell(log, f"A phone's connection to {came.service.upper()} was ended: {fault.what}.")
        except OSError:
            pass  # the phone or the hub ended it
        finally:
            self._places.release()

    def _tell(self, log: Log, sentence: str) -> None:
        now = time.monotonic()
        if now - self._told_at.get(sentence, -TELL_AGAIN_S) >= TELL_AGAIN_S:
            self._told_at = {**dict(list(self._told_at.items())[-15:]), sentence: now}
            log("warning", sentence)


class _RelayProcess:
    """The relay's process as the agent has it."""

    def __init__(self, launcher: LauncherProcess) -> None:
        self._channel, childs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with childs:
            try:
                launcher.start_relay(childs.fileno())
            except OSError:
                self._channel.close()
                raise

    def greet(self, services: Sequence[str], listeners: Sequence[socket.socket], idle_s: float) -> int:
        """Hand it its sockets, and return its number. OSError, RelayUnfitToRun."""
        self._channel.settimeout(START_S)
        with open_links() as links:
            descriptors = [*(each.fileno() for each in listeners), links.fileno()]
            messages.send(self._channel, RelayPorts(tuple(services), idle_s), descriptors)
        received = messages.receive(self._channel)
        said = None if received is None else received[0]
        if not isinstance(said, RelayReady):
            raise RelayUnfitToRun(said.why if isinstance(said, RelayUnfit) else "the process for them ended")
        self._channel.settimeout(None)
        return said.pid

    def receive(self) -> PhoneCame | None:
        """Return the next phone; None when the process has ended. ControlBroken, OSError."""
        received = messages.receive(self._channel)
        if received is None:
            return None
        if not isinstance(received[0], PhoneCame):
            raise ControlBroken("the phone relay says what it never says")
        return received[0]

    def tell(self, message: CarryPhone | RefusePhone, descriptors: Sequence[int] = ()) -> None:
        """Tell what becomes of a phone. OSError."""
        messages.send(self._channel, message, descriptors)

    def end(self) -> None:
        """End it, and let whoever listens to it know."""
        with contextlib.suppress(OSError):
            self._channel.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close this end of the pair, which nobody listens to any more."""
        self._channel.close()
