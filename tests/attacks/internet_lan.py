"""An internet: a gateway, a phone behind a NAT, an attacker and a victim, each in a network of its own.

The router between them looks at no sender, as too many do: whoever wants to forge an address can. The gateway is a
worker that faces the internet, with the rules that a hub gives it; a person opens a window for each boot of the phone.
"""

import contextlib
import http.client
import os
import time
from dataclasses import replace

from attacks.attacked_lan import AttackedLan, ip
from attacks.home_lan import ANNA, OWN, PASSWORD, SHARED, annas_file
from ringfence.content.release import TargetKind
from ringfence.errors import RingfenceError
from ringfence.guard.serving_profile import ServingProfile
from ringfence.hub.fleet.guard.rules_for_edges import habits_of
from ringfence.server.files.catalogue import Offer
from ringfence.server.processes.supervisor import WorkerSupervisor
from ringfence.server.tftp.client import fetch
from ringfence.sim.phone import VirtualPhone
from ringfence.sim.provisioning import HttpFirst
from ringfence.wire.messages import GuardNetwork, GuardRules, GuardWindow
from support.namespaces import entered

GATEWAY, NAT, ATTACKER, VICTIM = "203.0.113.2", "198.51.100.2", "192.0.2.66", "192.0.2.130"
NEXT_DOOR = "203.0.113.66"
"""Another machine of the gateway's own provider, on the gateway's link."""
FIRMWARE = "sip9971.loads"
FIRMWARE_BYTES = 8_000_000


def fetched(name: str = OWN, *, retries: int = 1) -> list[bytes]:
    """Ask the gateway over TFTP and over HTTP; return what it gave."""
    got: list[bytes] = []
    with contextlib.suppress(RingfenceError):
        got.append(fetch((GATEWAY, 69), name, timeout_s=0.5, retries=retries))
    with contextlib.suppress(OSError, http.client.HTTPException):
        status, body = got_over_http(name)
        got += [body] if status == http.client.OK else []
    return got


def got_over_http(name: str) -> tuple[int, bytes]:
    """Ask the gateway over HTTP; return status and body. OSError, HTTPException: it does not talk to us."""
    connection = http.client.HTTPConnection(GATEWAY, 6970, timeout=2)
    try:
        connection.request("GET", "/" + name)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


class Internet(AttackedLan):
    """``gateway``, ``nat``, ``phone``, ``attacker``, ``victim`` and ``next_door`` are its namespaces' names.

    ``over_http``: the phone asks by HTTP. ``learned``: networks that the hub knows to be the site's.
    """

    def __init__(self, *, over_http: bool = False, learned: tuple[str, ...] = ()) -> None:
        super().__init__(("core", "gateway", "nat", "phone", "attacker", "victim", "next"))
        self.core, self.gateway, self.nat, self.phone, self.attacker, self.victim, self.next_door = self.names
        self.secret = annas_file()
        self.did = ""
        self._over_http = over_http
        self._rules = GuardRules(
            1,
            gateway=True,
            habits=habits_of([(ANNA.bare, "9971")]),
            learned=tuple(GuardNetwork(network, "phone … booted from there") for network in learned),
        )

    def settle(self) -> None:
        """Nothing to undo: packets are all that an attacker has here."""

    def open_window(self) -> None:
        """Let a person open a window for the phone, in place of the one before."""
        number = self._rules.version + 1
        window = GuardWindow(f"w{number}", ANNA.bare, "carla", time.time() + 600)
        self._rules = replace(self._rules, version=number, windows=(window,))
        self._worker.rule(self._rules)

    def close_windows(self) -> None:
        """Let there be no window."""
        self._rules = replace(self._rules, version=self._rules.version + 1, windows=())
        self._worker.rule(self._rules)

    def boot_s(self) -> float:
        """Boot the phone in a window of its own, and return how long it took."""
        self.open_window()
        return self.boot_in_this_window_s()

    def boot_in_this_window_s(self) -> float:
        """Boot the phone in the window that there is. RingfenceError where it gets nothing."""
        with entered(self.phone):
            phone = VirtualPhone(ANNA, "9971", (GATEWAY, 69))
            if self._over_http:
                phone.ask_by(HttpFirst())
            began = time.monotonic()
            held = phone.boot()
            took_s = time.monotonic() - began
        if held.lines[0].password.reveal() != PASSWORD:
            raise AssertionError("the phone holds another file than its own")
        return took_s

    def _connect(self) -> None:
        ip("-n", self.core, "link", "add", "provider", "type", "bridge", "forward_delay", "0")
        ip("-n", self.core, "address", "add", "203.0.113.1/24", "dev", "provider")
        ip("-n", self.core, "link", "set", "provider", "up")
        for port, (name, address, router) in enumerate(
            (
                (self.gateway, f"{GATEWAY}/24", "203.0.113.1"), (self.next_door, f"{NEXT_DOOR}/24", "203.0.113.1"),
                (self.nat, f"{NAT}/30", "198.51.100.1"), (self.attacker, f"{ATTACKER}/30", "192.0.2.65"),
                (self.victim, f"{VICTIM}/30", "192.0.2.129"),
            )
        ):  # fmt: skip
            ip("-n", self.core, "link", "add", f"to{port}", "type", "veth", "peer", "name", "wan", "netns", name)
            if router == "203.0.113.1":
                ip("-n", self.core, "link", "set", f"to{port}", "master", "provider")
            else:
                ip("-n", self.core, "address", "add", f"{router}/30", "dev", f"to{port}")
            ip("-n", self.core, "link", "set", f"to{port}", "up")
            ip("-n", name, "address", "add", address, "dev", "wan")
            ip("-n", name, "link", "set", "wan", "up")
            ip("-n", name, "route", "add", "default", "via", router)
            _allow(self.core, f"conf.to{port}.rp_filter=0")
        ip("-n", self.nat, "link", "add", "lan", "type", "veth", "peer", "name", "lan", "netns", self.phone)
        for name, address in ((self.nat, "192.168.7.1/24"), (self.phone, "192.168.7.9/24")):
            ip("-n", name, "address", "add", address, "dev", "lan")
            ip("-n", name, "link", "set", "lan", "up")
        ip("-n", self.phone, "route", "add", "default", "via", "192.168.7.1")
        for name in (self.core, self.nat):
            _allow(name, "ip_forward=1")
        _allow(self.core, "conf.all.rp_filter=0")
        _allow(self.core, "conf.provider.rp_filter=0")
        ip(
            "netns", "exec", self.nat, "nft",
            'add table ip nat; add chain ip nat out { type nat hook postrouting priority 100; }; '
            'add rule ip nat out oifname "wan" masquerade',
        )  # fmt: skip

    def _serve(self) -> None:
        with entered(self.gateway):
            self._worker = WorkerSupervisor(
                listen=[(GATEWAY, 69)],
                http=[(GATEWAY, 6970)],
                site="Home",
                on_event=self._on_event,
                profile=ServingProfile.INTERNET,
            )
            self._stack.callback(self._worker.stop)
            self._worker.start()
        self._worker.rule(self._rules)
        offers = []
        for name, data, kind, owner in (
            (OWN, self.secret, TargetKind.CONFIGURATION, ANNA.bare),
            (FIRMWARE, bytes(FIRMWARE_BYTES), TargetKind.FIRMWARE, None),
            *((name, data, TargetKind.SHARED, None) for name, data in SHARED.items()),
        ):
            descriptor = os.memfd_create(name)
            os.write(descriptor, data)
            offers.append(Offer(name, descriptor, len(data), kind, owner))
        self._worker.offer(1, offers)
        for offer in offers:
            os.close(offer.fd)


def _allow(name: str, what: str) -> None:
    ip("netns", "exec", name, "sysctl", "-qw", f"net.ipv4.{what}")
