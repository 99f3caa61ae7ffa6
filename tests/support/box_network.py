"""A phone box between two wires, in namespaces of a test's own: the phone's port, the home, and a tunnel's far end.

The tunnel is a plain wire whose end at the box has the tunnel's name: the fence knows it by that alone.
"""

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Self

from ringfence.edge.network.interfaces import TUNNEL, Interfaces, read_interfaces
from ringfence.edge.network.keeper import TIME_UNKNOWN
from ringfence.edge.network.plan import PortRules
from ringfence.wire.network_messages import BoxFinding, NetworkName, NetworkReach

PHONE_MAC, STRANGER_MAC = "001122334455", "66778899AABB"
PORT, UPLINK = "port", "home0"
HOME_NET, HOME_BOX, HOME_ROUTER = "192.168.1.0/24", "192.168.1.5", "192.168.1.1"
HOME_BOX6, HOME_ROUTER6 = "fd00:1::5", "fd00:1::1"
INTERNET = "203.0.113.9"
SUBNET, BOX, PHONE = "10.9.8.0/29", "10.9.8.1", "10.9.8.2"
PBX, OTHER_IN_TUNNEL = "10.1.1.1", "10.1.1.2"
SOON_S = 60.0
GOOD = PortRules(
    7,
    subnet=SUBNET,
    phones=(PHONE_MAC,),
    ntp_servers=("pool.ntp.org", "192.0.2.4"),
    domain="example.org",
    names=(NetworkName("pbx", ("10.1.1.1", "fd00::1")),),
    reach=(NetworkReach("10.1.1.1", "udp", 5060, 5061), NetworkReach("fd00::/64", "tcp", 5061, 5061)),
    direct_media=("10.9.8.8/29",),
)
_serial = count(1)


def ip(*words: str) -> str:
    """Run ip; return what it printed."""
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


def in_namespace(name: str, *words: str, text: str = "") -> "subprocess.CompletedProcess[str]":
    """Run a program in a namespace."""
    command = ["ip", "netns", "exec", name, *words]
    return subprocess.run(command, check=False, capture_output=True, text=True, input=text)


def wait_until(holds: Callable[[], object], what: str) -> None:
    """Wait for a condition, with a generous limit."""
    until = time.monotonic() + SOON_S
    while not holds():
        if time.monotonic() > until:
            raise TimeoutError(what)
        time.sleep(0.02)


@dataclass
class BoxNetwork:
    """Namespaces ``box``, ``phone``, ``home`` and ``far`` (the tunnel's other end), joined by wires."""

    box: str = ""
    phone: str = ""
    home: str = ""
    far: str = ""
    _names: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        number = f"{os.getpid()}-{next(_serial)}"
        self.box, self.phone, self.home, self.far = self._names = [
            f"rf-{what}-{number}" for what in ("box", "phone", "home", "far")
        ]
        try:
            for name in self._names:
                ip("netns", "add", name)
                ip("-n", name, "link", "set", "lo", "up")
            self._wire(PORT, self.phone, "eth0")
            self._wire(UPLINK, self.home, "lan0")
            self._wire(TUNNEL, self.far, "tunnel0")
            ip("-n", self.phone, "link", "set", "eth0", "address", spelled(PHONE_MAC))
            ip("-n", self.phone, "link", "set", "eth0", "up")
            for name, device, *addresses in (
                (self.box, UPLINK, f"{HOME_BOX}/24", f"{HOME_BOX6}/64"),
                (self.home, "lan0", f"{HOME_ROUTER}/24", f"{HOME_ROUTER6}/64"),
                (self.home, "lo", f"{INTERNET}/32"),
                (self.far, "tunnel0", f"{PBX}/24", f"{OTHER_IN_TUNNEL}/24"),
            ):
                for address in addresses:
                    more = ("nodad",) if ":" in address else ()
                    ip("-n", name, "address", "add", address, "dev", device, *more)
                ip("-n", name, "link", "set", device, "up")
            ip("-n", self.box, "address", "add", "10.1.1.254/24", "dev", TUNNEL)
            ip("-n", self.box, "link", "set", TUNNEL, "up")
            ip("-n", self.box, "route", "add", "default", "via", HOME_ROUTER)
            for name in (self.home, self.far):
                ip("-n", name, "route", "add", SUBNET, "via", HOME_BOX if name == self.home else "10.1.1.254")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_fault: object) -> None:
        for name in self._names:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)

    def _wire(self, at_box: str, other: str, there: str) -> None:
        ip("-n", self.box, "link", "add", at_box, "type", "veth", "peer", "name", there, "netns", other)

    def interfaces(self, *opened: str) -> Interfaces:
        """Return what a box here is started with."""
        return read_interfaces(PORT, UPLINK, opened)

    def give(self, address: str, mac: str = PHONE_MAC, router: str = BOX) -> None:
        """Let the phone's end of the wire have this address and MAC address, and the box as its router."""
        ip("-n", self.phone, "address", "flush", "dev", "eth0")
        ip("-n", self.phone, "link", "set", "eth0", "down")
        ip("-n", self.phone, "link", "set", "eth0", "address", spelled(mac))
        ip("-n", self.phone, "link", "set", "eth0", "up")
        ip("-n", self.phone, "address", "add", address, "dev", "eth0")
        ip("-n", self.phone, "route", "replace", "default", "via", router, "onlink", "dev", "eth0")

    def fence(self) -> str:
        """Return the fence that stands at the box, as nft lists it; empty if there is none."""
        before = None
        for _ in range(50):  # nft reads a table in parts, and may be interrupted by a change
            listed = in_namespace(self.box, "nft", "list", "table", "inet", "ringfence_box")
            assert listed.returncode == 0 or "No such file" in listed.stderr, listed
            if listed.stdout == before:
                break
            before = listed.stdout
        return listed.stdout

    def ask_for_address(self, folder: Path, *options: str, tries: int = 3) -> dict[str, str]:
        """Run a real DHCP client as the phone; return what it was told, nothing if no address came."""
        told, script = folder / "told", folder / "script.sh"
        told.unlink(missing_ok=True)
        script.write_text(
            "#!/bin/sh\n"
            f'[ "$1" = bound ] || [ "$1" = renew ] || exit 0\nenv > {told}.new; mv {told}.new {told}\n'
            "ip address flush dev eth0; ip address add $ip/$mask dev eth0\n"
            "ip route replace default via $router dev eth0\n"
        )
        script.chmod(0o755)
        more = [word for option in options for word in ("-O", option)]
        in_namespace(
            self.phone, "busybox", "udhcpc", "-i", "eth0", "-n", "-q", "-f", "-t", str(tries), "-T", "1",
            "-s", str(script), *more,
        )  # fmt: skip
        if not told.exists():
            return {}
        return dict(line.split("=", 1) for line in told.read_text().splitlines() if "=" in line)


def problems(findings: Sequence[BoxFinding]) -> list[BoxFinding]:
    """Return findings but for the machine's clock, which nobody keeps where tests run."""
    return [each for each in findings if each.sentence != TIME_UNKNOWN]


def spelled(mac: str) -> str:
    """Return a bare MAC address with colons."""
    return ":".join(mac[at : at + 2] for at in range(0, 12, 2)).lower()
