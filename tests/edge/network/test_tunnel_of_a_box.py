"""A box with its tunnel: the helper as it is, wireguard-go, and a plain WireGuard peer as the concentrator."""

import contextlib
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from ringfence.edge.network.clearing import clear
from ringfence.edge.network.handle import NetworkHelper
from ringfence.edge.network.interfaces import TUNNEL
from ringfence.edge.network.messages import HelperReady, PortStanding, TakePortRules, UseTunnelKey
from ringfence.edge.network.plan import PortRules
from ringfence.edge.network.tunnel.wireguard import Peer, WireGuard
from ringfence.wire.network_messages import NetworkConcentrator, NetworkReach
from support.box_network import (
    GOOD,
    INTERNET,
    PBX,
    PHONE,
    SUBNET,
    BoxNetwork,
    in_namespace,
    ip,
    wait_until,
)
from support.namespaces import entered, own_tunnels
from world.keys import new_private_key, public_key_of

pytestmark = [
    *(pytest.mark.needs(part) for part in ("netns", "nft", "dnsmasq", "wireguard")),
    pytest.mark.slow,
]
INSIDE = "10.1.0.1"


class Tunnelled:
    """A box's helper, and a concentrator in the internet with the PBX beside it."""

    def __init__(self, network: BoxNetwork, run_folder: Path, keys: Path) -> None:
        self.network, self.run_folder, self.keys = network, run_folder, keys
        self.key = new_private_key()
        self.far = WireGuard(f"rfc{os.getpid()}")
        self.standing = PortStanding()

    def begin(self) -> None:
        ip("-n", self.network.box, "link", "delete", TUNNEL)  # a real one comes in its place
        with entered(self.network.home):
            self.far.open(self.key, listen_port=51820)
            self.far.give_addresses([f"{INSIDE}/32"], mtu=1420)
            ip("address", "add", f"{PBX}/32", "dev", "lo")
            ip("route", "replace", SUBNET, "dev", self.far.name, "src", PBX)
        self.start()

    def start(self) -> None:
        with entered(self.network.box):
            self.helper = NetworkHelper(self.network.interfaces(), self.run_folder, self.keys)
        self.helper.prepare()

    def end(self) -> None:
        self.helper.close()
        with entered(self.network.home):
            self.far.close()
        with entered(self.network.box):
            clear(self.run_folder)

    @property
    def rules(self) -> PortRules:
        end = NetworkConcentrator("c1", f"{INTERNET}:51820", public_key_of(self.key), (f"{PBX}/32",), address=INSIDE)
        return replace(GOOD, concentrators=(end,), reach=(NetworkReach(PBX, "udp", 5060, 5060),))

    def rule(self, rules: PortRules) -> None:
        self.helper.order(TakePortRules(rules))
        while self.hear().in_force != rules.version:
            pass

    def hear(self) -> PortStanding:
        while not isinstance(heard := self.helper.hear(), PortStanding):
            pass
        self.standing = heard
        return heard

    def let_in(self) -> None:
        """Have the concentrator know the box, as the hub would tell it."""
        while not self.standing.public_key:
            self.hear()
        with entered(self.network.home):
            self.far.put([Peer(self.standing.public_key, (SUBNET,))])
        while not any(each.handshake_at for each in self.standing.tunnels):
            self.hear()

    def call(self, port: int, wait_s: float = 0.3) -> bool:
        """Return whether what the phone sends to the PBX comes, and the answer as well."""
        with entered(self.network.home):
            pbx = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with entered(self.network.phone):
            phone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with pbx, phone:
            pbx.bind((PBX, port))
            phone.bind((PHONE, 0))
            for each in (pbx, phone):
                each.settimeout(wait_s)
            try:
                phone.sendto(b"INVITE", (PBX, port))
                _data, peer = pbx.recvfrom(100)
                pbx.sendto(b"OK", peer)
                return peer[0] == PHONE and phone.recv(100) == b"OK"
            except OSError:
                return False


@pytest.fixture
def tunnelled(run_folder: Path, tmp_path: Path) -> Iterator[Tunnelled]:
    with own_tunnels(), BoxNetwork() as network:
        made = Tunnelled(network, run_folder, tmp_path / "keys")
        made.begin()
        try:
            yield made
        finally:
            made.end()


def test_a_call_goes_through_the_tunnel_and_nothing_else_does(tunnelled: Tunnelled) -> None:
    tunnelled.rule(tunnelled.rules)
    tunnelled.network.give(f"{PHONE}/29")
    assert not tunnelled.call(5060)
    tunnelled.let_in()
    wait_until(lambda: tunnelled.call(5060), "no call")
    assert not tunnelled.call(5061)
    key = tunnelled.keys / "tunnel.key"
    assert (key.stat().st_mode & 0o777, tunnelled.keys.stat().st_mode & 0o777) == (0o600, 0o700)
    first = tunnelled.standing.public_key
    assert first != public_key_of(tunnelled.key)

    pid = tunnelled.helper._child.pid
    child = int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
    os.kill(child, signal.SIGKILL)
    assert tunnelled.call(5060, 60.0), "calls go on while the helper is started anew"
    while not isinstance(tunnelled.helper.hear(), HelperReady):
        pass
    tunnelled.rule(tunnelled.rules)
    assert tunnelled.call(5060, 60.0)

    tunnelled.helper.close()
    assert tunnelled.call(5060, 60.0), "calls go on while the edge is started anew"
    tunnelled.start()
    tunnelled.rule(tunnelled.rules)
    while not tunnelled.standing.public_key:
        tunnelled.hear()
    assert tunnelled.standing.public_key == first

    tunnelled.rule(replace(tunnelled.rules, version=9, concentrators=()))
    wait_until(lambda: not tunnelled.call(5060), "a concentrator that is named no more carries calls")


def test_a_concentrator_that_does_not_answer_is_told(tunnelled: Tunnelled) -> None:
    tunnelled.rule(tunnelled.rules)
    while not tunnelled.standing.findings or "No concentrator answers" not in tunnelled.standing.findings[-1].sentence:
        tunnelled.hear()
    tunnelled.let_in()
    while any("No concentrator answers" in each.sentence for each in tunnelled.standing.findings):
        tunnelled.hear()


def test_a_box_changes_its_key_when_it_is_told_that_concentrators_know_the_next_one(tunnelled: Tunnelled) -> None:
    tunnelled.rule(tunnelled.rules)
    tunnelled.network.give(f"{PHONE}/29")
    tunnelled.let_in()
    wait_until(lambda: tunnelled.call(5060), "no call")
    first = tunnelled.standing.public_key
    tunnelled.helper.order(UseTunnelKey(first))  # which is no next one
    tunnelled.rule(replace(tunnelled.rules, version=8, retired_key=first))
    while not tunnelled.standing.next_public_key:
        tunnelled.hear()
    following = tunnelled.standing.next_public_key
    assert (tunnelled.standing.public_key, following != first) == (first, True)
    with entered(tunnelled.network.home):
        tunnelled.far.put([Peer(following, ())])
    assert tunnelled.call(5060, 60.0)
    tunnelled.helper.order(UseTunnelKey(following))

    def has_shaken() -> bool:
        with entered(tunnelled.network.home):
            return tunnelled.far.traffic()[following].handshake_at > 0

    wait_until(has_shaken, "the next key is not used")
    with entered(tunnelled.network.home):
        tunnelled.far.put([Peer(following, (SUBNET,))])
    wait_until(lambda: tunnelled.call(5060), "no call by the next key")
    while tunnelled.standing.public_key != following:
        tunnelled.hear()
    assert tunnelled.standing.next_public_key == ""


def test_clearing_takes_the_tunnel_away_too(tunnelled: Tunnelled) -> None:
    tunnelled.rule(tunnelled.rules)
    wait_until(lambda: TUNNEL in in_namespace(tunnelled.network.box, "ip", "link").stdout, "no tunnel")
    tunnelled.helper.close()
    with entered(tunnelled.network.box):
        assert clear(tunnelled.run_folder).had_fence
    assert TUNNEL not in in_namespace(tunnelled.network.box, "ip", "link").stdout
    with contextlib.suppress(FileNotFoundError):
        assert not list(Path("/var/run/wireguard").glob(f"{TUNNEL}.sock"))
