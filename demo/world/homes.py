"""A home: a router that hides it behind one address, a phone box, a phone, and a computer at the phone's PC port."""

import json
import socket
import struct
import sys
from pathlib import Path
from typing import Any

from ringfence.phones.mac import Mac
from ringfence.phones.parsed_configuration import HeldConfiguration
from ringfence.server.confinement.accounts import account_for, hand_over
from ringfence.sim.errors import ConfigurationMissing
from ringfence.sim.phone import VirtualPhone
from stack import RINGFENCE, StoryBroken, wait_for
from support.namespaces import entered
from support.readable_by_all import readable_by_all
from world.machines import Machine, ip
from world.sip_phone import SipPhone

NETWORK, ROUTER, BOX = "192.168.1.0/24", "192.168.1.1", "192.168.1.5"
PORT, UPLINK, PHONE, WAN = "port", "home0", "eth0", "wan"
USER = "daemon"
COMPUTERS_MAC = "02:00:00:00:00:99"
_ROUTER_RULES = """
table ip home {
    chain as_one { type nat hook postrouting priority srcnat; oifname "wan" masquerade; }
    chain passing { type filter hook forward priority filter; iifname "wan" ct state established,related accept
        iifname "wan" drop; }
    chain asking { type filter hook input priority filter; iifname "wan" ct state established,related accept
        iifname "wan" drop; }
}
"""
_BREAKS_SIP = """
table ip helpful {
    chain rewriting { type filter hook prerouting priority mangle;
        udp dport 5060 @th,64,32 set 0x58582d58; udp sport 5060 @th,64,32 set 0x58582d58
        tcp dport 5060 drop; tcp sport 5060 drop; }
}
"""
"""What some routers do to help SIP: it is rewritten, or does not get through."""
_NETFILTER_NETLINK, _FORGET_ALL = 12, (1 << 8) | 2
"""NETLINK_NETFILTER; NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_DELETE (linux/netfilter/nfnetlink_conntrack.h)."""
_REQUEST_AND_ACK = 1 | 4


class Home:
    """One home; ``mac`` is its phone's. Its router has ``address`` in the internet, and may break SIP."""

    def __init__(self, name: str, mac: str, address: str, folder: Path, *, breaks_sip: bool = False) -> None:
        self.name, self.mac, self.address = name, Mac.parse(mac), address
        self.site = ""
        self._breaks_sip = breaks_sip
        self._folder = folder
        self.router, self.box, self.phone, self.computer = (
            Machine(f"{name.lower()}-{what}") for what in ("router", "box", "phone", "computer")
        )
        self.phones_address, self.server = "", ""

    @property
    def machines(self) -> tuple[Machine, ...]:
        """All that is in it."""
        return self.router, self.box, self.phone, self.computer

    def build(self, internet: Machine, switch: str) -> None:
        """Plug all of it together, and the router into the internet."""
        self._folder.mkdir(mode=0o755)
        self.router.cable(WAN, internet, f"to-{self.name.lower()}", f"{self.address}/24")
        internet.plug(f"to-{self.name.lower()}", switch)
        self.router.cable("lan", self.box, UPLINK, f"{ROUTER}/24")
        self.router.passes_on()
        self.router.must("nft", "-f", "-", text=_ROUTER_RULES + (_BREAKS_SIP if self._breaks_sip else ""))
        ip("-n", self.box.namespace, "address", "add", f"{BOX}/24", "dev", UPLINK)
        ip("-n", self.box.namespace, "route", "add", "default", "via", ROUTER)
        self.phone.switch(
            PHONE
        )  # a phone has a switch: itself, the wall's socket and the computer's are plugged into it
        self.box.cable(PORT, self.phone, "wall")
        self.phone.plug("wall", PHONE)
        self.computer.cable("eth0", self.phone, "pc")
        self.phone.plug("pc", PHONE)
        ip("-n", self.phone.namespace, "link", "set", PHONE, "address", str(self.mac))
        ip("-n", self.computer.namespace, "link", "set", "eth0", "address", COMPUTERS_MAC)

    def enrol(self, token: str) -> None:
        """Enrol the box."""
        self.box.must(*RINGFENCE, "edge", "enrol", token, "--folder", str(self.edge_folder))
        account = account_for(USER)
        if account is None:
            raise StoryBroken(f"this machine has no user {USER}")
        hand_over(self.edge_folder, account)

    def start_box(self) -> None:
        """Start the box's edge, as a service manager does."""
        with self._log("edge").open("a") as log:
            self.edge = self.box.start(
                *readable_by_all(), sys.executable, "-m", "ringfence.edge", "--folder", str(self.edge_folder),
                "--listen", "0.0.0.0:69", "--user", USER, "--phone-port", PORT, "--uplink", UPLINK,
                "--run-folder", str(self.run_folder), "--key-folder", str(self.key_folder),
                log=log,
            )  # fmt: skip

    @property
    def edge_folder(self) -> Path:
        """The edge's."""
        return self._folder / "edge"

    @property
    def run_folder(self) -> Path:
        """Where dnsmasq's leases are, among others."""
        return self._folder / "run"

    @property
    def key_folder(self) -> Path:
        """Where the tunnel's private key is."""
        return self._folder / "keys"

    def edge_log(self) -> str:
        """Return what the edge has logged."""
        return self._log("edge").read_text()

    def ask_for_address(self, machine: Machine, tries: int = 3) -> dict[str, str]:
        """Have the phone or the computer ask for an address (udhcpc); return what it was told, if anything."""
        told, script = self._folder / f"{machine.namespace}.told", self._folder / f"{machine.namespace}.sh"
        told.unlink(missing_ok=True)
        script.write_text(
            "#!/bin/sh\n"
            f'[ "$1" = bound ] || exit 0\nenv > {told}.new; mv {told}.new {told}\n'
            "ip address flush dev eth0; ip address add $ip/$mask dev eth0\n"
            "ip route replace default via $router dev eth0\n"
        )
        script.chmod(0o755)
        machine.run(
            "busybox", "udhcpc", "-i", "eth0", "-n", "-q", "-f", "-t", str(tries), "-T", "1", "-s", str(script),
            "-O", "150",
        )  # fmt: skip
        if not told.exists():
            return {}
        return dict(line.split("=", 1) for line in told.read_text().splitlines() if "=" in line)

    def power_on(self) -> None:
        """Have the phone ask until it gets an address."""
        told = wait_for(f"an address for {self.name}'s phone", self._ask_while_it_runs)
        self.phones_address, self.server = told["ip"], told["tftp"]

    def _ask_while_it_runs(self) -> dict[str, str]:
        if self.edge.poll() is not None:
            raise StoryBroken(f"{self.name}'s edge ended with {self.edge.returncode}: {self.edge_log()[-1000:]}")
        return self.ask_for_address(self.phone)

    def boot(self) -> HeldConfiguration | None:
        """Have the phone fetch its files over TFTP; return what it holds then, None if it does not get its own."""
        with entered(self.phone.namespace):
            try:
                return VirtualPhone(self.mac, "9971", (self.server, 69)).boot()
            except ConfigurationMissing:
                return None

    def sip(self, held: HeldConfiguration) -> SipPhone:
        """Return the phone as it calls, by what it holds."""
        return SipPhone(self.phone, self._folder / "sip", self.phones_address, held.lines[0])

    def move(self, address: str) -> None:
        """Give the router another address in the internet, and have it forget every connection."""
        ip("-n", self.router.namespace, "address", "flush", "dev", WAN)
        ip("-n", self.router.namespace, "address", "add", f"{address}/24", "dev", WAN)
        self.address = address
        with (
            entered(self.router.namespace),
            socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETFILTER_NETLINK) as ask,
        ):
            ask.send(struct.pack("=IHHIIBBH", 20, _FORGET_ALL, _REQUEST_AND_ACK, 1, 0, socket.AF_INET, 0, 0))
            (fault,) = struct.unpack_from("=i", ask.recv(4096), 16)
        if fault:
            raise StoryBroken(f"the router forgets nothing: error {fault}")

    def standing(self) -> dict[str, Any]:  # Any: JSON
        """Return what ``ringfence edge status`` says of the box."""
        shown = self.box.run(*RINGFENCE, "edge", "status", "--folder", str(self.edge_folder), "--json")
        return dict(json.loads(shown.stdout)) if shown.stdout else {}

    def _log(self, what: str) -> Path:
        return self._folder / f"{what}.log"
