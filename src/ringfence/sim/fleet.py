"""Thousands of virtual phones in one process and one thread: each boots as its family does, over TFTP.

A phone is a generator that asks for a file and gets its bytes, or None if the server refuses it; the fleet drives
the receiving machines of all phones that boot. Phones start spread over some time, as after a power cut, and only a
limited number boots at once, because each has a socket.
"""

import selectors
import socket
import statistics
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field

from ringfence.errors import RingfenceError
from ringfence.phones.families import family_or_model
from ringfence.phones.family import Family, Model
from ringfence.phones.mac import Mac
from ringfence.tftp.effects import (
    Deliver,
    Effects,
    Failed,
    FailureReason,
    Finished,
    Send,
    WakeAt,
)
from ringfence.tftp.options import NO_OPTIONS, RequestedOptions
from ringfence.tftp.receiving import Receiver

AT_ONCE = 500
_LARGEST_DATAGRAM = 65_535
_TICK_S = 0.05

Boot = Generator[str, bytes | None, str]
"""Yields names, takes what came of each, returns in a word how it ended."""

BOOTED, MISSING, REJECTED, SILENT = "booted", "no configuration", "configuration rejected", "server silent"


@dataclass(slots=True)
class FleetReport:
    """What a fleet's boot came to; times are in seconds."""

    phones: int
    outcomes: Counter[str] = field(default_factory=Counter)
    files: int = 0
    refused: int = 0
    size_bytes: int = 0
    duration_s: float = 0.0
    boots_s: list[float] = field(default_factory=list)

    def as_document(self) -> dict[str, object]:
        """Return it as JSON's types."""
        return {
            "phones": self.phones,
            "outcomes": dict(self.outcomes),
            "files": self.files,
            "refused": self.refused,
            "size_bytes": self.size_bytes,
            "duration_s": round(self.duration_s, 3),
            "boot_p50_s": round(statistics.median(self.boots_s), 4) if self.boots_s else None,
            "boot_p99_s": round(self._percentile(99), 4) if self.boots_s else None,
        }

    def _percentile(self, percent: int) -> float:
        ordered = sorted(self.boots_s)
        return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def boot(mac: Mac, family: Family, model: Model) -> Boot:
    """Boot one phone."""
    files: list[bytes] = []
    for ask in family.boot.value:
        data = yield ask.name_for(mac, model)
        if data is not None and ask.configures:
            files.append(data)
        if data is None and ask.needed:
            return MISSING
    try:
        held = family.read(tuple(files), model)
    except RingfenceError:
        return REJECTED
    yield from held.files
    return BOOTED


class _Phone:
    """One phone that boots: the file that it is fetching, at its socket."""

    def __init__(self, mac: Mac, steps: Boot, source: str, now: float) -> None:
        self.mac = mac
        self.source = source
        self.steps = steps
        self.begun = now
        self.wanted = ""
        self.endpoint: socket.socket | None = None
        self.machine: Receiver | None = None
        self.content = bytearray()
        self.wake_at = 0.0


class Fleet:
    """Boots phones with MAC addresses in a row from ``first``; they ask from ``sources`` in turn."""

    def __init__(
        self,
        server: tuple[str, int],
        kind: str,
        first: Mac,
        count: int,
        *,
        at_once: int = AT_ONCE,
        over_s: float = 0.0,
        sources: Sequence[str] = ("",),
        options: RequestedOptions = NO_OPTIONS,
        on_progress: Callable[[int], None] = lambda _done: None,
    ) -> None:
        self._family, self._model = family_or_model(kind)
        self._server, self._options, self._sources = server, options, sources
        self._at_once = at_once
        self._on_progress = on_progress
        start = int(first.bare, 16)
        self._waiting = deque((Mac(f"{start + at:012X}"), over_s * at / max(count, 1)) for at in range(count))
        self._booting: set[_Phone] = set()
        self._selector = selectors.DefaultSelector()
        self._report = FleetReport(count)

    def run(self) -> FleetReport:
        """Boot every phone once, and return what came of it."""
        begun = time.monotonic()
        with self._selector:
            while self._waiting or self._booting:
                now = time.monotonic()
                self._begin_due(now - begun, now)
                for key, _events in self._selector.select(self._pause(now - begun)):
                    self._receive(key.data)
                self._wake(time.monotonic())
        self._report.duration_s = time.monotonic() - begun
        return self._report

    def _begin_due(self, elapsed: float, now: float) -> None:
        while self._waiting and len(self._booting) < self._at_once and self._waiting[0][1] <= elapsed:
            mac, _due = self._waiting.popleft()
            source = self._sources[int(mac.bare, 16) % len(self._sources)]
            phone = _Phone(mac, boot(mac, self._family, self._model), source, now)
            self._booting.add(phone)
            self._step(phone, None)

    def _pause(self, elapsed: float) -> float:
        if self._waiting and len(self._booting) < self._at_once:
            return max(0.0, min(_TICK_S, self._waiting[0][1] - elapsed))
        return _TICK_S

    def _step(self, phone: _Phone, data: bytes | None) -> None:
        """Hand a phone what came of its last file, and begin its next one."""
        try:
            phone.wanted = phone.steps.send(data)
        except StopIteration as ended:
            self._end(phone, str(ended.value))
            return
        family = socket.AF_INET6 if ":" in self._server[0] else socket.AF_INET
        phone.endpoint = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        phone.endpoint.bind((phone.source, 0))
        phone.machine = Receiver(self._server, phone.wanted, options=self._options)
        phone.content = bytearray()
        self._selector.register(phone.endpoint, selectors.EVENT_READ, phone)
        self._carry_out(phone, phone.machine.begin(time.monotonic()))

    def _receive(self, phone: _Phone) -> None:
        endpoint = phone.endpoint
        if endpoint is None or phone.machine is None:
            return
        try:
            data, peer = endpoint.recvfrom(_LARGEST_DATAGRAM)
        except OSError:
            return
        self._carry_out(phone, phone.machine.receive_datagram(data, (peer[0], peer[1]), time.monotonic()))

    def _wake(self, now: float) -> None:
        for phone in [phone for phone in self._booting if phone.machine is not None and now >= phone.wake_at]:
            if phone.machine is not None:
                self._carry_out(phone, phone.machine.handle_timeout(now))

    def _carry_out(self, phone: _Phone, effects: Effects) -> None:
        for effect in effects:
            match effect:
                case Send(data, to) if isinstance(to, tuple) and phone.endpoint is not None:
                    phone.endpoint.sendto(data, to)
                case Deliver(data):
                    phone.content += data
                case WakeAt(at):
                    phone.wake_at = at
                case Finished():
                    self._report.files += 1
                    self._report.size_bytes += len(phone.content)
                    self._let_go(phone)
                    self._step(phone, bytes(phone.content))
                    return
                case Failed(FailureReason.PEER_ERROR):
                    self._report.refused += 1
                    self._let_go(phone)
                    self._step(phone, None)
                    return
                case Failed():
                    self._let_go(phone)
                    self._end(phone, SILENT)
                    return
                case _:
                    continue

    def _let_go(self, phone: _Phone) -> None:
        if phone.endpoint is not None:
            self._selector.unregister(phone.endpoint)
            phone.endpoint.close()
        phone.endpoint, phone.machine = None, None

    def _end(self, phone: _Phone, outcome: str) -> None:
        self._booting.discard(phone)
        self._report.outcomes[outcome] += 1
        if outcome == BOOTED:
            self._report.boots_s.append(time.monotonic() - phone.begun)
        self._on_progress(sum(self._report.outcomes.values()))
