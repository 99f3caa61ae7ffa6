"""The phone relay, which the launcher (``launcher.py``) forks: it takes phones' connections to CAPF and TVS.

The agent has no socket that the LAN can reach, and this process has no key and no way to the hub: it passes bytes
between phones and the agent, and reads none of them. It is confined as a worker is.

Invariants:

- Nobody is passed on of whom the kernel shows no MAC address, or two.
- There are so many connections, of one address and in all; each lasts so long and brings so many bytes.
- It ends with the agent, and when no phone was there for a while; the sockets stay the agent's.
"""

import contextlib
import os
import select
import socket
import time

from cachetools import TTLCache

from ringfence.server.access.neighbours import Links
from ringfence.server.confinement.allowed_calls import RELAY
from ringfence.server.confinement.steps import Confined, seal
from ringfence.server.errors import ConfinementFailed, ControlBroken
from ringfence.server.processes.phone_relay_messages import (
    CarryPhone,
    PhoneCame,
    RefusePhone,
    RelayPorts,
    RelayReady,
    RelayUnfit,
    receive,
    send,
)
from ringfence.wire.phone_services import LARGEST_BYTES, LONGEST_S, MOST_A_MINUTE, MOST_AT_ONCE, MOST_OF_PHONE

AGENT_ANSWERS_S = 10.0
_PART_BYTES = 16 * 1024
_LOOK_EVERY_MS = 1000
_MOST_AT_ONE_TURN = 16
_MOST_ADDRESSES = 256


class CarriedPhone:
    """A phone's connection, and the agent's end of it once there is one."""

    def __init__(self, phone: socket.socket, host: str, now: float) -> None:
        self.phone, self.host, self.began_at = phone, host, now
        self.inside: socket.socket | None = None
        self._up, self._down = _Direction(), _Direction()

    def events(self) -> dict[int, int]:
        """Return what to wait for, by descriptor."""
        if self.inside is None:
            return {}
        wanted = {self.phone.fileno(): 0, self.inside.fileno(): 0}
        for way, source, sink in ((self._up, self.phone, self.inside), (self._down, self.inside, self.phone)):
            if way.waiting:
                wanted[sink.fileno()] |= select.POLLOUT
            elif way.is_open:
                wanted[source.fileno()] |= select.POLLIN
        return wanted

    def go_on(self) -> bool:
        """Pass what there is; return whether the connection goes on. OSError."""
        if self.inside is None:
            return True
        self._up.go_on(self.phone, self.inside)
        self._down.go_on(self.inside, self.phone)
        return self._down.is_open or bool(self._down.waiting)

    def is_overdue(self, now: float) -> bool:
        """Return whether its time is over, or the agent's to answer."""
        lasted = now - self.began_at
        return lasted > LONGEST_S or (self.inside is None and lasted > AGENT_ANSWERS_S)

    def close(self) -> None:
        """End it."""
        self.phone.close()
        if self.inside is not None:
            self.inside.close()


class _Direction:
    """One direction: what was read and is not written yet, and how much more may come."""

    def __init__(self) -> None:
        self.waiting = b""
        self.is_open = True
        self._left = LARGEST_BYTES

    def go_on(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            if not self.waiting and self.is_open:
                self.waiting = source.recv(min(_PART_BYTES, self._left))
                self._left -= len(self.waiting)
                if not self.waiting:
                    self.is_open = False
                    sink.shutdown(socket.SHUT_WR)
        with contextlib.suppress(BlockingIOError):
            if self.waiting:
                self.waiting = self.waiting[sink.send(self.waiting) :]


class PhoneRelay:
    """Passes bytes until the agent is gone, or phones were gone for ``idle_s``."""

    def __init__(
        self, channel: socket.socket, listeners: dict[int, tuple[str, socket.socket]], links: Links, idle_s: float
    ) -> None:
        self._channel = channel
        self._idle_s = idle_s
        self._listeners = listeners
        self._links = links
        self._carried: dict[int, CarriedPhone] = {}
        self._last = 0
        self._lately: TTLCache[str, int] = TTLCache(_MOST_ADDRESSES, 60.0)

    def run(self) -> None:
        """Pass bytes."""
        busy_at = time.monotonic()
        while self._turn():
            now = time.monotonic()
            busy_at = now if self._carried else busy_at
            if now - busy_at > self._idle_s:
                return

    def _turn(self) -> bool:
        """Do what there is to do, and return whether the agent is still there."""
        poller = select.poll()
        poller.register(self._channel, select.POLLIN)
        for descriptor in self._listeners:
            poller.register(descriptor, select.POLLIN)
        by_descriptor: dict[int, int] = {}
        for number, each in self._carried.items():
            for descriptor, events in each.events().items():
                poller.register(descriptor, events)
                by_descriptor[descriptor] = number
        ready = [descriptor for descriptor, _events in poller.poll(_LOOK_EVERY_MS)]
        for number in {by_descriptor[each] for each in ready if each in by_descriptor}:
            self._go_on(number)
        for descriptor in ready:
            if descriptor in self._listeners:
                self._accept(*self._listeners[descriptor])
        if self._channel.fileno() in ready and not self._obey():
            return False
        now = time.monotonic()
        for number in [number for number, each in self._carried.items() if each.is_overdue(now)]:
            self._end(number)
        return True

    def _accept(self, service: str, listener: socket.socket) -> None:
        for _turn in range(_MOST_AT_ONE_TURN):
            try:
                phone, address = listener.accept()
            except OSError:
                return
            host = str(address[0])
            mac = self._mac_of(host)
            of_host = sum(each.host == host for each in self._carried.values())
            lately = self._lately.get(host, 0)
            is_one_too_many = len(self._carried) >= MOST_AT_ONCE or of_host >= MOST_OF_PHONE or lately >= MOST_A_MINUTE
            if mac is None or is_one_too_many:
                phone.close()
                continue
            self._lately[host] = lately + 1
            phone.setblocking(False)
            self._last += 1
            self._carried[self._last] = CarriedPhone(phone, host, time.monotonic())
            send(self._channel, PhoneCame(self._last, service, host, mac))

    def _mac_of(self, host: str) -> str | None:
        shown = {each.mac for each in self._links.neighbours(time.monotonic()).shown_for(host)}
        return shown.pop() if len(shown) == 1 else None

    def _obey(self) -> bool:
        received = receive(self._channel)
        match received:
            case None:
                return False
            case CarryPhone(number), [inside]:
                line = socket.socket(fileno=inside)
                line.setblocking(False)
                if (carried := self._carried.get(number)) is None:
                    line.close()
                else:
                    carried.inside = line
            case RefusePhone(number), _:
                self._end(number)
        return True

    def _go_on(self, number: int) -> None:
        try:
            if self._carried[number].go_on():
                return
        except OSError:
            pass  # one side is gone, and the other is told by the end
        self._end(number)

    def _end(self, number: int) -> None:
        if (carried := self._carried.pop(number, None)) is not None:
            carried.close()


def serve(channel_fd: int, confined: Confined) -> int:
    """Give up the rest in a process that is ``confined``, and pass bytes; return the exit status."""
    channel = socket.socket(fileno=channel_fd)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        try:
            sealed = seal(confined, RELAY)
            received = receive(channel)
        except (ConfinementFailed, ControlBroken) as fault:
            send(channel, RelayUnfit(str(fault)))
            return 1
        match received:
            case RelayPorts(services, idle_s), descriptors if len(descriptors) == len(services) + 1:
                sockets = [socket.socket(fileno=each) for each in descriptors]
                for each in sockets:
                    each.setblocking(False)
                listeners = {
                    each.fileno(): (service, each) for service, each in zip(services, sockets, strict=False)
                }  # fmt: skip
                send(channel, RelayReady(os.getpid(), sealed.in_words()))
                PhoneRelay(channel, listeners, Links(sockets[-1]), idle_s).run()
    return 0
