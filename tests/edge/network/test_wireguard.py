"""Real tunnels between two namespaces: made, taken over, changed peer by peer, and gone."""

import itertools
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ringfence.edge.errors import ProgramMissing, TunnelRefused
from ringfence.edge.network import programs
from ringfence.edge.network.tunnel.echo import Echo
from ringfence.edge.network.tunnel.wireguard import Peer, WireGuard
from ringfence.identity.errors import BadTunnelKey
from ringfence.identity.tunnel_keys import check_public_key
from ringfence.secret import Secret
from support.namespaces import Wire, entered
from world.keys import new_private_key, public_key_of

pytestmark = [pytest.mark.needs("netns"), pytest.mark.needs("wireguard")]
_numbers = itertools.count(1)
PORT = 51820
SOON_S = 120.0


def new_name() -> str:
    """A name of the test's own: wireguard-go has one folder of sockets for all namespaces."""
    return f"rf{os.getpid() % 10**7}-{next(_numbers)}"


@dataclass
class End:
    namespace: str
    link: WireGuard
    key: Secret

    @property
    def public_key(self) -> str:
        return public_key_of(self.key)

    def echoes(self, *addresses: str) -> set[str]:
        """Who of these answers through the tunnel; it is asked for as long as it takes the first of them."""
        with entered(self.namespace):
            echo = Echo(self.link.name)
            try:
                until = time.monotonic() + SOON_S
                while time.monotonic() < until:
                    echo.ask(addresses)
                    echo.wait(1.0)
                    if found := echo.answered():
                        return found
                return set()
            finally:
                echo.close()


@contextmanager
def two_ends() -> Iterator[tuple[End, End]]:
    """A concentrator at 192.0.2.1 with 10.0.0.1 inside, and a box at 192.0.2.2 with 10.0.1.1/29, not yet peers."""
    with Wire(["192.0.2.1/24"], ["192.0.2.2/24"]) as wire, ExitStack() as stack:
        ends = []
        for namespace, port, address in ((wire.server, PORT, "10.0.0.1/32"), (wire.client, 0, "10.0.1.1/29")):
            end = End(namespace, WireGuard(new_name()), new_private_key())
            with entered(namespace):
                end.link.open(end.key, listen_port=port)
                end.link.give_addresses([address], mtu=1420)
            stack.callback(_closed, end)
            ends.append(end)
        yield ends[0], ends[1]


def _closed(end: End) -> None:
    with entered(end.namespace):
        end.link.close()


def join(concentrator: End, box: End) -> None:
    with entered(concentrator.namespace):
        concentrator.link.put([Peer(box.public_key, ("10.0.1.0/29",))])
        concentrator.link.route(["10.0.1.0/29"])
    with entered(box.namespace):
        box.link.put([Peer(concentrator.public_key, ("10.0.0.1/32",), ("192.0.2.1", PORT), 25)])
        box.link.route(["10.0.0.1/32"])


def test_packets_pass_once_both_know_each_other_and_no_longer_when_one_does_not() -> None:
    with two_ends() as (concentrator, box):
        join(concentrator, box)
        assert box.echoes("10.0.0.1", "10.0.0.2") == {"10.0.0.1"}
        with entered(concentrator.namespace):
            traffic = concentrator.link.traffic()
            assert list(traffic) == [box.public_key]
            assert traffic[box.public_key].handshake_at > 0
            assert traffic[box.public_key].received_bytes > 0
            concentrator.link.remove([box.public_key, public_key_of(new_private_key())])
            assert concentrator.link.traffic() == {}
        with entered(box.namespace):
            echo = Echo(box.link.name)
            echo.ask(["10.0.0.1"])
            echo.wait(1.0)
            assert echo.answered() == set()
            echo.close()


def test_a_peer_that_sends_with_anothers_address_is_not_heard() -> None:
    with two_ends() as (concentrator, box):
        join(concentrator, box)
        assert box.echoes("10.0.0.1")
        with entered(concentrator.namespace):
            hearing = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with hearing, entered(box.namespace):
            hearing.bind(("10.0.0.1", 5061))
            hearing.settimeout(SOON_S)
            box.link.give_addresses(["10.0.1.1/29", "10.0.2.1/29"], mtu=1420)
            for source in ("10.0.2.1", "10.0.1.1"):  # in this order, so that the first one would be heard first
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending:
                    sending.bind((source, 0))
                    sending.sendto(b"hello", ("10.0.0.1", 5061))
            _said, (heard, _port) = hearing.recvfrom(100)
            assert heard == "10.0.1.1"


def test_keys_are_those_of_wireguards_own_tools() -> None:
    key = new_private_key()
    told = subprocess.run(["wg", "pubkey"], input=key.reveal().encode(), capture_output=True, check=True)
    assert told.stdout.decode().strip() == public_key_of(key)


def test_an_interface_is_taken_over_with_its_peers() -> None:
    with two_ends() as (concentrator, box):
        join(concentrator, box)
        assert box.echoes("10.0.0.1")
        with entered(box.namespace):
            again = WireGuard(box.link.name)
            again.open(box.key)
            assert list(again.traffic()) == [concentrator.public_key]
        assert box.echoes("10.0.0.1")


def test_one_peers_change_leaves_the_others_alone() -> None:
    with two_ends() as (concentrator, box):
        join(concentrator, box)
        assert box.echoes("10.0.0.1")
        others = [public_key_of(new_private_key()) for _ in range(300)]
        with entered(concentrator.namespace):
            before = concentrator.link.traffic()[box.public_key].handshake_at
            concentrator.link.put(Peer(key, (f"10.1.{n // 32}.{n % 32 * 8}/29",)) for n, key in enumerate(others))
            assert set(concentrator.link.traffic()) == {box.public_key, *others}
            concentrator.link.remove(others)
            assert concentrator.link.traffic()[box.public_key].handshake_at == before
        assert box.echoes("10.0.0.1")


def test_a_peer_that_has_no_network_any_more_is_not_heard() -> None:
    with two_ends() as (concentrator, box):
        join(concentrator, box)
        assert box.echoes("10.0.0.1")
        with entered(concentrator.namespace):
            concentrator.link.put([Peer(box.public_key, ())])
            shown = subprocess.run(
                ["wg", "show", concentrator.link.name, "allowed-ips"], capture_output=True, check=True
            )
        assert shown.stdout.split() == [box.public_key.encode(), b"(none)"]


def test_another_key_is_used_once_the_other_end_knows_it() -> None:
    with two_ends() as (concentrator, box):
        join(concentrator, box)
        assert box.echoes("10.0.0.1")
        box.key = new_private_key()
        with entered(concentrator.namespace):
            concentrator.link.put([Peer(box.public_key, ("10.0.1.0/29",))])
        with entered(box.namespace):
            box.link.use_key(box.key)
        assert box.echoes("10.0.0.1")


def test_addresses_and_routes_are_exactly_those_that_were_given() -> None:
    with two_ends() as (_concentrator, box), entered(box.namespace):
        box.link.give_addresses(["10.0.9.1/29", "fd00:9::1/64"], mtu=1280)
        box.link.route(["10.7.0.0/24", "10.8.0.1/32", "fd00:7::/64"])
        box.link.route(["10.8.0.1/32"])
        shown = subprocess.run(["ip", "-o", "address", "show", "dev", box.link.name], capture_output=True, check=True)
        assert b"10.0.9.1/29" in shown.stdout
        assert b"fd00:9::1/64" in shown.stdout
        assert b"10.0.1.1" not in shown.stdout
        routes = subprocess.run(["ip", "route", "show", "dev", box.link.name], capture_output=True, check=True).stdout
        assert b"10.8.0.1" in routes
        assert b"10.7.0.0" not in routes
        six = subprocess.run(["ip", "-6", "route", "show", "dev", box.link.name], capture_output=True, check=True)
        assert b"fd00:7::" not in six.stdout


def test_a_key_is_in_no_argument() -> None:
    with two_ends() as (_concentrator, box):
        for command in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                assert box.key.reveal().encode() not in command.read_bytes()
            except OSError:
                continue
        assert box.key.reveal() not in repr(box)


def test_a_machine_without_its_programs_is_told_which_package_brings_them(monkeypatch: pytest.MonkeyPatch) -> None:
    with Wire(["192.0.2.1/24"], ["192.0.2.2/24"]) as wire, entered(wire.server):
        made = WireGuard(new_name())
        there = {"ip": programs.find("ip"), "wg": programs.find("wg")}

        def find(name: str) -> str:
            if name not in there:
                raise ProgramMissing(f"{name} is not installed", to_do=f"apt install {name}")
            return there[name]

        monkeypatch.setattr(programs, "find", find)
        if not Path("/sys/module/wireguard").exists():
            with pytest.raises(TunnelRefused, match="wireguard-go is not installed"):
                made.open(new_private_key())
        del there["wg"]
        with pytest.raises(ProgramMissing):
            WireGuard(new_name())


@pytest.mark.parametrize("text", ["", "x", "A" * 43 + "=", "AAAA", "é" * 44, "A" * 44, "-" * 44])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(BadTunnelKey):
        check_public_key(text)


@pytest.mark.parametrize(
    ("networks", "endpoint", "keepalive_s"),
    [
        (("10.0.0.0/8\nPrivateKey = x",), None, 0),
        (("10.0.0.1/8",), None, 0),
        ((), ("vpn.example.org", 51820), 0),
        ((), ("192.0.2.1", 0), 0),
        ((), ("192.0.2.1", 65536), 0),
        ((), None, -1),
        ((), None, 65536),
    ],
)
def test_a_peer_has_addresses_alone(
    networks: tuple[str, ...], endpoint: tuple[str, int] | None, keepalive_s: int
) -> None:
    with pytest.raises(TunnelRefused):
        Peer(public_key_of(new_private_key()), networks, endpoint, keepalive_s)
