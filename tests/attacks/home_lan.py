"""A home: a switch with an edge, a phone, a neighbour's machine and a router, and somebody far away behind the router.

Each is a network namespace of the test's own; the switch is a bridge. The edge serves one phone's file by the rules
that a hub gives by default, hears the frames on its wire as a real one does, and reads a DHCP server's lease file where
there is one.
"""

import contextlib
import http.client
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from attacks.attacked_lan import AttackedLan, ip
from ringfence.content.release import TargetKind
from ringfence.edge.lan.observer import Hearing
from ringfence.errors import RingfenceError
from ringfence.hub.fleet.guard.rules_for_edges import habits_of
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.rendering.renderer import Renderer
from ringfence.secret import Secret
from ringfence.server.files.catalogue import Offer
from ringfence.server.processes.supervisor import WorkerSupervisor
from ringfence.server.tftp.client import fetch
from ringfence.sim.phone import VirtualPhone
from ringfence.wire.messages import GuardRules
from support.namespaces import entered

EDGE, PHONE, NEIGHBOUR, ROUTER, FAR = "192.0.2.1", "192.0.2.9", "192.0.2.66", "192.0.2.254", "198.51.100.9"
PHONE_MAC, NEIGHBOUR_MAC, EDGE_MAC = "00:1b:54:c2:9a:10", "02:00:00:00:00:66", "02:00:00:00:00:01"
ANNA = Mac.parse(PHONE_MAC)
OWN = f"SEP{ANNA.bare}.cnf.xml"
PASSWORD = "s3cr3tOfAnna"
SHARED = {"AppDialRules.xml": b"<DialRules/>", "g4-tones.xml": b"<Tones/>", "gd-sip.jar": b"words"}
"""What the phone asks for besides its own file."""
LEASED = "192.0.2.77"
"""An address that the home's DHCP server gave to the neighbour."""


def annas_file() -> bytes:
    """Return the phone's own file, as a hub renders it: its web pages can be read."""
    line = LineAccount(1, "Anna", "anna", "Anna Berg", "anna", Secret(PASSWORD))
    settings = {"sip_server": "192.0.2.10", "web_access": "on"}
    (own,) = [
        file for file in Renderer().render(PhoneToRender(ANNA, "9971", "", settings, (line,))) if file.name == OWN
    ]
    return own.data


def fetched(name: str, source: str | None = None) -> list[bytes]:
    """Ask the edge over TFTP and over HTTP, from an address of the machine's; return what it gave."""
    got: list[bytes] = []
    with contextlib.suppress(RingfenceError):
        got.append(fetch((EDGE, 69), name, source_host=source, timeout_s=0.5, retries=1))
    connection = http.client.HTTPConnection(EDGE, 6970, timeout=2, source_address=(source, 0) if source else None)
    try:
        connection.request("GET", "/" + name)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status == http.client.OK:
            got.append(body)
    except (OSError, http.client.HTTPException):
        pass
    finally:
        connection.close()
    return got


class HomeLan(AttackedLan):
    """The home; ``edge``, ``phone``, ``neighbour``, ``router`` and ``far`` are its namespaces' names.

    ``has_leases``: the edge reads the lease file of a DHCP server, which gave the phone its address, and the neighbour
    LEASED.
    """

    def __init__(self, *, has_leases: bool = False) -> None:
        super().__init__(("switch", "edge", "phone", "neighbour", "router", "far"))
        self.switch, self.edge, self.phone, self.neighbour, self.router, self.far = self.names
        self.secret = annas_file()
        self.did = ""
        self._has_leases = has_leases

    @property
    def server(self) -> tuple[str, int]:
        """Where phones are served."""
        return EDGE, 69

    def become(self, machine: str, *, mac: str = "", address: str = "") -> None:
        """Give a machine another MAC address, or one more IP address."""
        if mac:
            ip("-n", machine, "link", "set", "lan", "address", mac)
        if address:
            ip("-n", machine, "address", "add", f"{address}/24", "dev", "lan")

    def settle(self) -> None:
        """Take from the neighbour what it has taken from the phone."""
        self.become(self.neighbour, mac=NEIGHBOUR_MAC)
        shown = subprocess.run(
            ["ip", "-n", self.neighbour, "address", "show", "dev", "lan"], check=True, capture_output=True, text=True
        )
        for address in (PHONE, LEASED):
            if f"{address}/24" in shown.stdout:
                ip("-n", self.neighbour, "address", "del", f"{address}/24", "dev", "lan")

    @contextlib.contextmanager
    def unplugged(self, machine: str) -> Iterator[None]:
        """Take a machine from the switch for a while."""
        ip("-n", machine, "link", "set", "lan", "down")
        try:
            yield
        finally:
            self.settle()
            ip("-n", machine, "link", "set", "lan", "up")

    def boot_s(self) -> float:
        """Boot the real phone and return how long it took."""
        with entered(self.phone):
            began = time.monotonic()
            held = VirtualPhone(ANNA, "9971", self.server).boot()
            took_s = time.monotonic() - began
        if held.lines[0].password.reveal() != PASSWORD:
            raise AssertionError("the phone holds another file than its own")
        return took_s

    def _connect(self) -> None:
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
        for name, what in (
            (self.edge, "neigh.lan.base_reachable_time_ms=3000"),
            (self.edge, "neigh.lan.delay_first_probe_time=1"),
            (self.router, "ip_forward=1"),
            # A router that does not look at senders: where one does, there are a few attacks less.
            (self.router, "conf.all.rp_filter=0"),
            (self.router, "conf.out.rp_filter=0"),
        ):
            ip("netns", "exec", name, "sysctl", "-qw", f"net.ipv4.{what}")

    def _serve(self) -> None:
        leases = self._write_leases() if self._has_leases else None
        with entered(self.edge):
            hearing = Hearing(tftp_ports=[69], http_ports=[6970], leases=leases)
            self._stack.callback(hearing.stop)
            hearing.start()
            worker = WorkerSupervisor(
                listen=[(EDGE, 69)],
                http=[(EDGE, 6970)],
                site="Home",
                on_event=self._on_event,
                hear=hearing.of,
                watches_frames=hearing.watches_frames,
            )
            self._stack.callback(worker.stop)
            worker.start()
            worker.rule(GuardRules(1, habits=habits_of([(ANNA.bare, "9971")])))
        offers = []
        for name, data, kind, owner in (
            (OWN, self.secret, TargetKind.CONFIGURATION, ANNA.bare),
            *((name, data, TargetKind.SHARED, None) for name, data in SHARED.items()),
        ):
            descriptor = os.memfd_create(name)
            os.write(descriptor, data)
            offers.append(Offer(name, descriptor, len(data), kind, owner))
        worker.offer(1, offers)
        for offer in offers:
            os.close(offer.fd)

    def _write_leases(self) -> Path:
        """Write what a DHCP server keeps: the phone's lease and the neighbour's, as dnsmasq writes them."""
        ends_at = int(time.time()) + 3600
        path = self._folder / "dnsmasq.leases"
        path.write_text(
            f"{ends_at} {PHONE_MAC} {PHONE} SEP{ANNA.bare} *\n{ends_at} {NEIGHBOUR_MAC} {LEASED} laptop *\n"
        )
        return path
