"""A concentrator as a process, with a real hub and a real tunnel: boxes get in, stay in while it dies, and are out."""

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from ringfence.edge.network.tunnel.box_tunnel import TunnelEnd, TunnelKeeper
from ringfence.edge.network.tunnel.echo import Echo
from ringfence.edge.network.tunnel.wireguard import WireGuard
from ringfence.wire.network_messages import NetworkRules
from stack import RINGFENCE
from support.boxes_in_hand import BoxInHand
from support.namespaces import Wire, entered
from support.running_hub import RunningHub
from support.serving_hub import served_hub
from support.tunnel_network import SILENCE_S, SOON_S, passes
from support.unit_rights import with_rights_of
from world.keys import new_private_key, public_key_of

pytestmark = [
    *(pytest.mark.needs(part) for part in ("root", "netns", "nft", "wireguard")), pytest.mark.slow,
]  # fmt: skip
PBX, OUTSIDE, PORT = "172.16.5.10", "192.0.2.1", 51820
_numbers = itertools.count(1)


class Site:
    """A hub and a concentrator on one machine, a box on another."""

    def __init__(self, wire: Wire, running: RunningHub, folder: Path) -> None:
        self.wire, self.running, self.folder = wire, running, folder
        self.interface = f"rg{os.getpid() % 10**6}-{next(_numbers)}"
        self.process: subprocess.Popen[str] | None = None
        self.key = new_private_key()
        self.link = WireGuard(f"rb{os.getpid() % 10**6}-{next(_numbers)}")
        self.echo: Echo | None = None

    def ringfence(self, *words: str) -> "subprocess.CompletedProcess[str]":
        command = [*RINGFENCE, "tunnel", *words, "--folder", str(self.folder / "concentrator")]
        return subprocess.run(command, check=False, capture_output=True, text=True)

    def enrol(self) -> "subprocess.CompletedProcess[str]":
        made = self.running.do("POST", "/concentrators", {"name": "Berlin", "networks": [f"{PBX}/32"]})
        return self.ringfence("enrol", made["token"])

    def start(self) -> None:
        self.process = subprocess.Popen(
            [*with_rights_of("tunnel"), *RINGFENCE, "tunnel", "run",
            "--folder", str(self.folder / "concentrator"), "--interface", self.interface,
             "--endpoint", f"{OUTSIDE}:{PORT}"],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        assert "boxes call at" in self.process.stdout.readline()

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        status = self.process.wait(SOON_S)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.process = None
        return status

    def box(self) -> BoxInHand:
        """A box that has told its key, and goes by what the hub says."""
        site = self.running.site("Anna")
        self.running.do("PATCH", f"/sites/{site}/network", {"reach": [f"udp:5060@{PBX}/32"]})
        (self.folder / "edge").mkdir()
        made = BoxInHand(self.running, site, self.folder / "edge")
        public_key = public_key_of(self.key)
        wait_for(lambda: made.told(public_key=public_key).concentrators)
        rules = made.told(public_key=public_key)
        self.go_by(rules)
        return made

    def go_by(self, rules: NetworkRules) -> None:
        subnet = IPv4Network(rules.subnet)
        self.phone = str(subnet.network_address + 2)
        with entered(self.wire.client):
            self.link.open(self.key)
            self.link.give_addresses([f"{subnet.network_address + 1}/32"], mtu=rules.mtu)
            subprocess.run(["ip", "address", "add", f"{self.phone}/32", "dev", "lo"], check=True)
            self.echo = Echo(self.link.name)
            self.keeper = TunnelKeeper(self.link, self.echo, time.monotonic)
        self.use(rules)

    def use(self, rules: NetworkRules) -> None:
        (each,) = rules.concentrators
        assert each.endpoint == f"{OUTSIDE}:{PORT}"
        with entered(self.wire.client):
            self.keeper.take([TunnelEnd(each.id, each.public_key, (OUTSIDE, PORT), each.address, each.networks)])

    def calls(self, wait_s: float = SILENCE_S) -> bool:
        """Whether the box's phone reaches the PBX, and the PBX the phone; as a box does, it looks around first."""
        with entered(self.wire.client):
            self.keeper.on_time()
        phone, pbx = (self.wire.client, self.phone), (self.wire.server, PBX)
        return passes(phone, pbx, 5060, wait_s=wait_s) and passes(pbx, phone, 40000, wait_s=wait_s)

    def close(self) -> None:
        if self.process is not None:
            self.end(signal.SIGKILL)
        if self.echo is not None:
            self.echo.close()
        with entered(self.wire.client):
            self.link.close()
        WireGuard(self.interface).close()


def wait_for(holds: Callable[[], object]) -> float:
    began = time.monotonic()
    while not holds():
        assert time.monotonic() < began + SOON_S
        time.sleep(0.05)
    return time.monotonic() - began


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with (
        Wire([f"{OUTSIDE}/24", f"{PBX}/32"], ["192.0.2.2/24"]) as wire,
        entered(wire.server),
        served_hub(tmp_path / "hub") as running,
        contextlib.closing(Site(wire, running, tmp_path)) as made,
    ):
        yield made


def test_a_box_gets_in_stays_in_while_the_concentrator_dies_and_is_out_when_it_is_revoked(site: Site) -> None:
    assert "Enrolled as concentrator Berlin." in site.enrol().stdout
    site.start()
    box = site.box()
    took_s = wait_for(site.calls)
    print(f"a call's packets pass {took_s:.1f} s after the box was told of the concentrator")  # noqa: T201
    assert not passes((site.wire.client, site.phone), (site.wire.server, PBX), 22)
    site.end(signal.SIGKILL)
    assert site.calls(SOON_S)
    site.start()
    wait_for(site.calls)
    (row,) = site.running.do("GET", "/concentrators")["items"]
    assert (row["endpoint"], row["networks"]) == (f"{OUTSIDE}:{PORT}", [f"{PBX}/32"])
    site.running.do("POST", f"/edges/{box.id}/revoke", {"wipe": False, "keeps_serving": False})
    took_s = wait_for(lambda: not passes((site.wire.client, site.phone), (site.wire.server, PBX), 5060))
    print(f"the last packet passed at most {took_s:.1f} s after the order to revoke")  # noqa: T201
    assert site.end() == 0


def test_it_changes_its_key_and_calls_go_on(site: Site) -> None:
    site.enrol()
    site.start()
    box = site.box()
    wait_for(site.calls)
    public_key = public_key_of(site.key)
    (before,) = box.told(public_key=public_key).concentrators
    site.running.do("POST", "/concentrators/Berlin/rotate-key")

    def follows() -> bool:
        """Whether the key is another one by now; the box goes by what it is told, as its agent does."""
        rules = box.told(public_key=public_key)
        box.told(public_key=public_key, rules_version=rules.version)
        (each,) = rules.concentrators
        ends = [TunnelEnd(each.id, each.public_key, (OUTSIDE, PORT), each.address, each.networks)]
        if each.next_public_key:
            ends.append(
                TunnelEnd(each.id, each.next_public_key, (OUTSIDE, PORT), each.address, each.networks, is_next=True)
            )
        with entered(site.wire.client):
            site.keeper.take(ends)
            site.keeper.on_time()
        return each.public_key != before.public_key and not each.next_public_key

    wait_for(follows)
    wait_for(site.calls)
    (row,) = site.running.do("GET", "/concentrators")["items"]
    assert (row["key_changes"], row["public_key"] != before.public_key) == (False, True)
    site.end()
    site.start()
    wait_for(site.calls)


def test_one_that_was_removed_lets_nobody_in_after_a_restart_either(site: Site) -> None:
    site.enrol()
    site.start()
    site.box()
    wait_for(site.calls)
    site.running.do("DELETE", "/concentrators/Berlin")
    phone, pbx = (site.wire.client, site.phone), (site.wire.server, PBX)
    wait_for(lambda: not passes(phone, pbx, 5060))
    site.end()
    site.start()
    assert not passes(phone, pbx, 5060)


def test_one_that_lost_its_disk_enrols_again_by_its_name_and_calls_go_on(site: Site) -> None:
    site.enrol()
    site.start()
    box = site.box()
    wait_for(site.calls)
    (before,) = box.told(public_key=public_key_of(site.key)).concentrators
    site.end(signal.SIGKILL)
    WireGuard(site.interface).close()
    shutil.rmtree(site.folder / "concentrator")
    assert "Enrolled as concentrator Berlin." in site.enrol().stdout
    site.start()

    def news() -> NetworkRules | None:
        rules = box.rules()
        return rules if rules is not None and rules.concentrators[0].public_key != before.public_key else None

    wait_for(news)
    rules = news()
    assert rules is not None
    assert rules.concentrators[0].id == before.id
    site.use(rules)
    wait_for(site.calls)


def test_what_is_wrong_is_told_in_one_sentence(site: Site) -> None:
    not_enrolled = site.ringfence("run", "--endpoint", f"{OUTSIDE}:{PORT}")
    assert not_enrolled.returncode != 0
    assert "does not contain an enrolled concentrator" in not_enrolled.stderr
    assert "Enrolled" in site.enrol().stdout
    again = site.enrol()
    assert again.returncode == 5
    assert "already enrolled, as concentrator Berlin" in again.stderr
    no_port = site.ringfence(
        "run", "--endpoint", f"{OUTSIDE}:{PORT}", "--interface", site.interface, "--pbx-port", "nowhere"
    )
    assert no_port.returncode == 7
    assert "no such interface (nowhere)" in no_port.stderr
    bad = site.ringfence("run", "--endpoint", "vpn.example.org")
    assert bad.returncode == 3
    assert "not HOST:PORT" in bad.stderr
    wrong = site.ringfence("enrol", "RFE1nonsense")
    assert wrong.returncode == 3
    assert "Traceback" not in "".join(each.stderr for each in (not_enrolled, again, no_port, bad, wrong))
