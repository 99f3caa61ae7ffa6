"""The world that a phone box is for: two homes, the internet, a hub, and a PBX with a concentrator beside it.

```
 Anna's home          internet              the PBX's network
 phone ─ box ─ router ──┬── concentrator ──────┬── PBX (Kamailio)
 Ben's home             │                      │
 phone ─ box ─ router ──┴── hub ───────────────┘
```

Both homes have the same network behind NAT. Ben's router breaks SIP, and lets in nothing that nobody asked for.
"""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ringfence.edge.network.interfaces import TUNNEL
from stack import PATIENCE_S, RINGFENCE, wait_for
from world.at_hub import AtHub, built
from world.homes import Home
from world.machines import Machine, ip, lacking
from world.pbx import ADDRESS as PBX
from world.pbx import Pbx
from world.sip_phone import SipPhone

HUB, CONCENTRATOR, STRANGER = "203.0.113.2", "203.0.113.3", "203.0.113.66"
NEIGHBOUR = "172.16.5.99"
POOL = "100.112.0.0/12"
ENDPOINT = f"{CONCENTRATOR}:51820"
ANNAS_MAC, BENS_MAC = "00:1B:54:C2:9A:10", "00:1B:54:C2:9A:20"
ANNAS_NUMBER, BENS_NUMBER = "201", "202"
REACH = (f"udp:5060@{PBX}/32", f"tcp:5060@{PBX}/32", f"udp:10000-20000@{PBX}/32")
NEEDED = {
    "ip": "iproute2", "nft": "nftables", "dnsmasq": "dnsmasq-base", "busybox": "busybox", "wg": "wireguard-tools",
    "wireguard-go": "wireguard-go", "kamailio": "kamailio", "sipp": "sip-tester", "nsenter": "util-linux",
}  # fmt: skip
"""Programs and Debian's packages of them."""


def missing() -> str:
    """Return what this machine lacks for a world, as a sentence; empty if nothing."""
    return lacking(NEEDED)


class World(AtHub):
    """All of it, below one folder. ``build`` plugs the machines together; nothing of ours runs yet."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, HUB)
        self.switches, self.concentrator, pbx, self.stranger, self.neighbour = others = tuple(
            Machine(what) for what in ("switches", "tunnel", "pbx", "stranger", "neighbour")
        )
        self._machines = (self.hub, *others)
        self.pbx = Pbx(pbx, folder / "pbx")
        self.anna = Home("Anna", ANNAS_MAC, "203.0.113.11", folder / "anna")
        self.ben = Home("Ben", BENS_MAC, "203.0.113.12", folder / "ben", breaks_sip=True)
        self._tunnel: subprocess.Popen[str] | None = None

    @property
    def homes(self) -> tuple[Home, Home]:
        """Both."""
        return self.anna, self.ben

    def build(self, stack: ExitStack) -> None:
        """Make the machines, which end with the stack."""
        for machine in (*self._machines, *(each for home in self.homes for each in home.machines)):
            stack.enter_context(machine)
        self.switches.switch("internet")
        self.switches.switch("lan")
        for machine, device, switch, address in (
            (self.hub, "wan", "internet", HUB),
            (self.concentrator, "wan", "internet", CONCENTRATOR),
            (self.stranger, "wan", "internet", STRANGER),
            (self.concentrator, "lan", "lan", "172.16.5.1"),
            (self.hub, "lan", "lan", "172.16.5.2"),
            (self.pbx.machine, "lan", "lan", PBX),
            (self.neighbour, "lan", "lan", NEIGHBOUR),
        ):
            there = f"{device}-{address.rpartition('.')[2]}"
            machine.cable(device, self.switches, there, f"{address}/24")
            self.switches.plug(there, switch)
        ip("-n", self.pbx.machine.namespace, "route", "add", POOL, "dev", "lan", "src", PBX)
        for home in self.homes:
            home.build(self.switches, "internet")

    def begin(self, *, with_pbx: bool = True) -> None:
        """Have all of it run, up to phones without power: audio goes from home to home."""
        self.start_hub()
        self.ringfence("set", "organisation", f"sip_server={PBX}", "time_zone=Europe/Berlin")
        for home, number in zip(self.homes, (ANNAS_NUMBER, BENS_NUMBER), strict=True):
            self.make_site(home, number)
        self.allow_direct_media()
        self.ringfence("publish")
        if with_pbx:
            self.start_pbx()
        self.enrol_concentrator()
        self.start_concentrator()
        for home in self.homes:
            self.enrol(home)
            home.start_box()

    def phone_of(self, home: Home) -> SipPhone:
        """Plug a home's phone in, and have it register."""
        home.power_on()
        phone = home.sip(wait_for(f"{home.name}'s file", home.boot))
        wait_for("its registration", lambda: phone.register(PBX))
        return phone

    def make_site(self, home: Home, number: str) -> None:
        """Create a home's site with its phone, and say what that reaches."""
        home.site = self.ask("site", "add", f"{home.name}'s home")["id"]
        mac = str(home.mac)
        self.ringfence("phone", "add", mac, "--site", home.site, "--model", "9971", "--description", home.name)
        self.ringfence("line", "set", mac, "1", "--name", number, "--label", home.name, "--display-name", home.name)
        with self.people() as api:
            api.patch(f"/sites/{home.site}/network", {"box": True, "reach": list(REACH)})

    def allow_direct_media(self) -> None:
        """Let both homes' phones exchange audio without the PBX."""
        with self.people() as api:
            for home, other in (self.homes, self.homes[::-1]):
                api.patch(f"/sites/{home.site}/network", {"direct_media": [other.site]})

    def start_pbx(self) -> None:
        """Export the accounts, and start the PBX with them; the hub has a link to it."""
        self.ringfence("sip", "export", "--pbx", "kamailio", "--realm", self.pbx.realm, "--to", str(self.pbx.accounts))
        self.pbx.start()
        self.ringfence(
            "pbx", "add", "main", "--kind", "kamailio", "--url", self.pbx.rpc_url, "--realm", self.pbx.realm,
            "--allow-clear-text",
        )  # fmt: skip

    def enrol(self, home: Home) -> None:
        """Enrol a home's box by a one-time token."""
        home.enrol(self.ask("site", "token", home.site)["token"])

    def enrol_concentrator(self, name: str = "Berlin") -> None:
        """Enrol the concentrator by a one-time token."""
        token = self.ask("tunnel", "token", name, "--network", f"{PBX}/32")["token"]
        self.concentrator.must(*RINGFENCE, "tunnel", "enrol", token, "--folder", str(self._tunnel_folder))

    def start_concentrator(self) -> None:
        """Start the concentrator, and wait until boxes may call."""
        path = self.folder / "tunnel.log"
        path.write_text("")
        with path.open("a") as log:
            words = ["--folder", str(self._tunnel_folder), "--endpoint", ENDPOINT, "--pbx-port", "lan"]
            process = self.concentrator.start(*RINGFENCE, "tunnel", "run", *words, log=log)
        self._tunnel = process
        wait_for("the concentrator", lambda: self.is_up(process, "tunnel.log") and "boxes call at" in path.read_text())

    def kill_wireguard(self) -> None:
        """End the concentrator's wireguard-go by force: the interface goes with it, and so ends its own process."""
        for pid in ip("netns", "pids", self.concentrator.namespace).split():
            if Path(f"/proc/{pid}/comm").read_text().strip() == "wireguard-go":
                os.kill(int(pid), signal.SIGKILL)
        if self._tunnel is not None:
            self._tunnel.wait(PATIENCE_S)

    def kill_concentrator(self) -> None:
        """End the concentrator's process by force; what it told the kernel stays."""
        if self._tunnel is not None:
            self._tunnel.kill()
            self._tunnel.wait()

    def restart_concentrators_machine(self) -> None:
        """Lose all that a machine loses when it starts again: processes, the tunnel's interface, rules of nftables."""
        self.kill_concentrator()
        self.concentrator.must("ip", "link", "delete", "dev", TUNNEL)
        self.concentrator.must("nft", "flush", "ruleset")

    def edge_of(self, home: Home) -> str:
        """Return the id of a home's box."""
        (found,) = [each["edge"] for each in self.ask("box", "list") if each["site"] == home.site]
        return str(found)

    @property
    def _tunnel_folder(self) -> Path:
        return self.folder / "concentrator"


@contextmanager
def built_world() -> Iterator[World]:
    """Give a world whose machines, processes and files end with the block; what they logged is told if it fails."""
    with built(World) as world:
        yield world
