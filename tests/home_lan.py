"""A home: a switch with an edge, a phone, a neighbour's machine and a router, and somebody far away behind the router.

Each is a network namespace of the test's own; the switch is a bridge. The edge serves one phone's file, with the level
that it needs, and keeps what it says.
"""

import itertools
import os
import subprocess
import threading
import time
from contextlib import ExitStack
from typing import Self

from namespaces import entered
from ringfence.content.release import TargetKind
from ringfence.phones.mac import Mac
from ringfence.phones.rendering import Renderer
from ringfence.phones.to_render import LineAccount, PhoneToRender
from ringfence.secret import Secret
from ringfence.server.catalogue import Offer
from ringfence.server.events import RequestRefused, WorkerEvent
from ringfence.server.supervisor import WorkerSupervisor
from ringfence.sim.phone import VirtualPhone
from ringfence.wire.messages import GuardRules

EDGE, PHONE, NEIGHBOUR, ROUTER, FAR = "192.0.2.1", "192.0.2.9", "192.0.2.66", "192.0.2.254", "198.51.100.9"
PHONE_MAC, NEIGHBOUR_MAC, EDGE_MAC = "00:1b:54:c2:9a:10", "02:00:00:00:00:66", "02:00:00:00:00:01"
ANNA = Mac.parse(PHONE_MAC)
OWN = f"SEP{ANNA.bare}.cnf.xml"
PASSWORD = "s3cr3tOfAnna"
SHARED = "dialplan.xml"
_serial = itertools.count(1)


def ip(*words: str) -> None:
    """Run ``ip``."""
    subprocess.run(["ip", *words], check=True, capture_output=True)


class HomeLan:
    """The home; ``edge``, ``phone``, ``neighbour``, ``router`` and ``far`` are its namespaces' names."""

    def __init__(self) -> None:
        number = f"{os.getpid()}-{next(_serial)}"
        names = [f"rf-{who}-{number}" for who in ("switch", "edge", "phone", "neighbour", "router", "far")]
        self.switch, self.edge, self.phone, self.neighbour, self.router, self.far = names
        self._made: list[str] = []
        self._refusals: list[RequestRefused] = []
        self._guard = threading.Lock()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._plug_in()
            self._serve()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_fault: object) -> None:
        self._stack.close()
        for name in self._made:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)

    @property
    def server(self) -> tuple[str, int]:
        """Where phones are served."""
        return EDGE, 69

    def said(self) -> list[RequestRefused]:
        """Return the refusals since the last time."""
        with self._guard:
            told, self._refusals = self._refusals, []
        return told

    def become(self, machine: str, *, mac: str = "", address: str = "") -> None:
        """Give a machine another MAC address, or one more IP address."""
        if mac:
            ip("-n", machine, "link", "set", "lan", "address", mac)
        if address:
            ip("-n", machine, "address", "add", f"{address}/24", "dev", "lan")

    def become_harmless(self) -> None:
        """Take from the neighbour what it has taken from the phone."""
        shown = subprocess.run(
            ["ip", "-n", self.neighbour, "address", "show", "dev", "lan"], check=True, capture_output=True, text=True
        )
        if f"{PHONE}/24" in shown.stdout:
            ip("-n", self.neighbour, "address", "del", f"{PHONE}/24", "dev", "lan")

    def unplug(self, machine: str, *, plugged: bool = False) -> None:
        """Take a machine from the switch, or put it back."""
        ip("-n", machine, "link", "set", "lan", "up" if plugged else "down")

    def boot_s(self, times: int = 3) -> float:
        """Boot the real phone a few times and return the time in the middle."""
        found = []
        with entered(self.phone):
            for _ in range(times):
                began = time.monotonic()
                held = VirtualPhone(ANNA, "9971", self.server).boot()
                found.append(time.monotonic() - began)
                if held.lines[0].password.reveal() != PASSWORD:
                    raise AssertionError("the phone holds another file than its own")
        return sorted(found)[times // 2]

    def _plug_in(self) -> None:
        for name in (self.switch, self.edge, self.phone, self.neighbour, self.router, self.far):
            ip("netns", "add", name)
            self._made.append(name)
            ip("-n", name, "link", "set", "lo", "up")
        ip("-n", self.switch, "link", "add", "bridge", "type", "bridge", "forward_delay", "0")
        ip("-n", self.switch, "link", "set", "bridge", "up")
        machines = (
            (self.edge, EDGE, EDGE_MAC), (self.phone, PHONE, PHONE_MAC), (self.neighbour, NEIGHBOUR, NEIGHBOUR_MAC),
            (self.router, ROUTER, "02:00:00:00:00:fe"),
        )  # fmt: skip
        for port, (name, address, mac) in enumerate(machines):
            ip("-n", self.switch, "link", "add", f"port{port}", "type", "veth", "peer", "name", "lan", "netns", name)
            ip("-n", self.switch, "link", "set", f"port{port}", "master", "bridge", "up")
            ip("-n", name, "link", "set", "lan", "address", mac)
            ip("-n", name, "address", "add", f"{address}/24", "dev", "lan")
            ip("-n", name, "link", "set", "lan", "up")
        ip("-n", self.router, "link", "add", "out", "type", "veth", "peer", "name", "in", "netns", self.far)
        ip("-n", self.router, "address", "add", "198.51.100.1/24", "dev", "out")
        ip("-n", self.router, "link", "set", "out", "up")
        ip("-n", self.far, "address", "add", f"{FAR}/24", "dev", "in")
        ip("-n", self.far, "link", "set", "in", "up")
        ip("-n", self.far, "route", "add", "default", "via", "198.51.100.1")
        ip("-n", self.edge, "route", "add", "default", "via", ROUTER)
        # The kernel takes an answered address for right for some 30 s, and tests would wait for that.
        ip("netns", "exec", self.edge, "sysctl", "-qw", "net.ipv4.neigh.lan.base_reachable_time_ms=3000")
        ip("netns", "exec", self.router, "sysctl", "-qw", "net.ipv4.ip_forward=1")

    def _serve(self) -> None:
        with entered(self.edge):
            worker = WorkerSupervisor(
                listen=[(EDGE, 69)],
                http=[(EDGE, 6970)],
                site="Home",
                on_event=self._on_event,
            )
            worker.start()
            worker.rule(GuardRules(1))
        self._stack.callback(worker.stop)
        line = LineAccount(1, "Anna", "anna", "Anna Berg", "anna", Secret(PASSWORD))
        (own,) = [
            file
            for file in Renderer().render(PhoneToRender(ANNA, "9971", "", {"sip_server": "192.0.2.10"}, (line,)))
            if file.name == OWN
        ]
        offers = []
        for name, data, kind, owner in (
            (OWN, own.data, TargetKind.CONFIGURATION, ANNA.bare),
            (SHARED, b"<DIALTEMPLATE/>", TargetKind.SHARED, None),
        ):
            descriptor = os.memfd_create(name)
            os.write(descriptor, data)
            offers.append(Offer(name, descriptor, len(data), kind, owner))
        worker.offer(1, offers)
        for offer in offers:
            os.close(offer.fd)

    def _on_event(self, event: WorkerEvent) -> None:
        if isinstance(event, RequestRefused):
            with self._guard:
                self._refusals.append(event)
