"""What every adapter of the Port port does: Linux itself in a namespace, and the simulated one."""

import contextlib
import re
import socket
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path
from typing import TypeVar

import pytest
from msgspec.structs import replace

from ringfence.edge.errors import FenceRefused, PortRefused
from ringfence.edge.network import linux_port, programs
from ringfence.edge.network.dnsmasq import AddressService, address_service
from ringfence.edge.network.fence import fence_text
from ringfence.edge.network.interfaces import BRIDGE, TUNNEL_MARK
from ringfence.edge.network.linux_port import LinuxPort
from ringfence.edge.network.plan import read_plan
from ringfence.edge.network.port import Port
from ringfence.edge.network.port_access.bridge import LockedBridge
from ringfence.edge.network.programs import KeptProgram
from ringfence.edge.network.uplink_queue import VOICE
from support.box_network import (
    GOOD,
    HOME_NET,
    HOME_ROUTER,
    PHONE_MAC,
    PORT,
    UPLINK,
    BoxNetwork,
    in_namespace,
    ip,
    wait_until,
)
from support.namespaces import entered
from support.simulated_port import SimulatedPort

PLAN = read_plan(GOOD)
T = TypeVar("T")
SHAPE = BoxNetwork().interfaces()
ON_LINUX = [pytest.mark.needs("netns"), pytest.mark.needs("nft"), pytest.mark.needs("dnsmasq")]


@pytest.fixture
def network() -> Iterator[BoxNetwork]:
    with BoxNetwork() as made:
        yield made


@pytest.fixture(params=["simulated", pytest.param("linux", marks=ON_LINUX)])
def port(request: pytest.FixtureRequest, run_folder: Path) -> Iterator[Port]:
    if request.param == "simulated":
        simulated = SimulatedPort(PORT, networks=frozenset({IPv4Interface(HOME_NET).network}))
        simulated.uplink_link = {UPLINK: True}
        yield simulated
        return
    made: BoxNetwork = request.getfixturevalue("network")
    with entered(made.box):
        linux = LinuxPort(made.interfaces(), run_folder)
        yield linux
        linux.serve(None)
        linux.keep_time(None)


def test_a_fence_stands_until_another_takes_its_place(port: Port) -> None:
    assert port.fence() == ""
    with pytest.raises(PortRefused):
        port.devices()
    for text in (fence_text(SHAPE, None), fence_text(SHAPE, PLAN)):
        port.set_fence(text)
        assert port.fence() == text
        assert port.devices() == frozenset()


def test_an_open_port_has_exactly_the_addresses_and_a_shut_one_has_none(port: Port) -> None:
    assert port.is_there()
    port.set_fence(fence_text(SHAPE, PLAN))
    assert port.addresses() == ()
    assert not port.links()[PORT]
    for addresses in (PLAN.boxes, (IPv4Interface("10.9.8.17/29"), IPv4Interface("10.9.9.1/24")), PLAN.boxes):
        port.open(addresses, routed=[PORT, "rf-tunnel"])
        assert port.addresses() == addresses
    wait_until(lambda: port.links()[PORT], "no link")
    port.shut()
    assert (port.addresses(), port.links()[PORT]) == ((), False)
    port.shut()


def test_a_port_behind_a_gate_has_its_addresses_there_until_it_is_shut(port: Port) -> None:
    port.set_fence(fence_text(SHAPE, PLAN))
    for is_gated in (True, False, True):
        port.open(PLAN.boxes, routed=[PORT, BRIDGE], is_gated=is_gated)
        assert (port.addresses(), port.is_gated()) == (PLAN.boxes, is_gated)
        wait_until(lambda: port.links()[PORT], "no link")
        port.shut()
        assert (port.addresses(), port.is_gated(), port.links()[PORT]) == ((), False, False)


def test_the_homes_networks_are_told_and_the_ports_own_are_not(port: Port) -> None:
    port.set_fence(fence_text(SHAPE, PLAN))
    port.open(PLAN.boxes, routed=[PORT])
    assert port.other_networks() == {IPv4Interface(HOME_NET).network}
    assert port.links()[UPLINK]


def test_nobody_else_gives_out_addresses_here(port: Port) -> None:
    port.set_fence(fence_text(SHAPE, PLAN))
    port.open(PLAN.boxes, routed=[PORT])
    assert port.others_serving() == frozenset()
    port.ask_who_serves()
    assert port.others_serving() == frozenset()


def test_calls_go_first_by_the_uplink_or_as_the_machine_sends(port: Port) -> None:
    for kbit in (0, 2000, 2000, 64, 10_000_000, 0, 0):
        port.put_calls_first(kbit)


def test_what_serves_goes_on_with_more_phones_and_ends(port: Port, run_folder: Path) -> None:
    port.set_fence(fence_text(SHAPE, PLAN))
    port.open(PLAN.boxes, routed=[PORT])
    first = service(run_folder)
    port.serve(first)
    assert port.look_after() == ""
    port.serve(AddressService(first.configuration, first.hosts + "66:77:88:99:aa:bb\n"))
    assert port.look_after() == ""
    port.serve(None)
    port.serve(None)
    assert port.look_after() == ""


def service(folder: Path) -> AddressService:
    made = address_service(PORT, PLAN, folder, "nobody")
    assert made is not None
    return made


# -- Linux alone -----------------------------------------------------------------------------------------------------


@pytest.fixture
def linux(network: BoxNetwork, run_folder: Path) -> Iterator[LinuxPort]:
    with entered(network.box):
        made = LinuxPort(network.interfaces(), run_folder)
        yield made
        made.serve(None)
        made.keep_time(None)


@pytest.mark.needs("netns")
@pytest.mark.needs("nft")
@pytest.mark.needs("dnsmasq")
class TestLinux:
    def test_what_nft_refuses_leaves_the_fence_before(self, linux: LinuxPort) -> None:
        good = fence_text(SHAPE, PLAN)
        linux.set_fence(good)
        with pytest.raises(FenceRefused, match="nftables"):
            linux.set_fence(good.replace("policy drop", "policy perhaps"))
        assert linux.fence() == good

    def test_on_a_line_of_known_rate_the_tunnel_has_a_class_of_its_own(
        self, linux: LinuxPort, network: BoxNetwork, run_folder: Path
    ) -> None:
        linux.set_fence(fence_text(SHAPE, read_plan(replace(GOOD, uplink_kbit=2000))))
        linux.put_calls_first(2000)

        def passed(marked: int) -> dict[str, int]:
            """How many packets each class has sent after one more, with this mark."""
            with entered(network.box), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending:
                sending.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, marked)
                sending.sendto(b"x", (HOME_ROUTER, 9))
            shown = in_namespace(network.box, "tc", "-s", "class", "show", "dev", UPLINK).stdout
            return {name: int(count) for name, count in re.findall(r"class htb (\S+) .*\n.* (\d+) pkt", shown)}

        in_namespace(network.box, "ip", "neigh", "replace", HOME_ROUTER, "lladdr", "02:00:00:00:00:09", "dev", UPLINK)
        first, second = passed(TUNNEL_MARK), passed(TUNNEL_MARK)
        assert second[VOICE] == first[VOICE] + 1
        third = passed(0)
        assert (third[VOICE], third["5246:20"] > second["5246:20"]) == (
            second[VOICE],
            True,
        )  # the kernel sends there too
        later = LinuxPort(network.interfaces(), run_folder)
        later.put_calls_first(64)
        assert "64Kbit" in in_namespace(network.box, "tc", "class", "show", "dev", UPLINK).stdout
        in_namespace(network.box, "tc", "qdisc", "delete", "dev", UPLINK, "root")
        later.put_calls_first(64)
        assert "htb 5246:" in in_namespace(network.box, "tc", "qdisc", "show", "dev", UPLINK).stdout, "it comes back"
        LinuxPort(network.interfaces(), run_folder).put_calls_first(0)
        assert "htb" not in in_namespace(network.box, "tc", "qdisc", "show", "dev", UPLINK).stdout

    def test_somebody_elses_queue_is_left_alone(self, linux: LinuxPort, network: BoxNetwork) -> None:
        in_namespace(network.box, "tc", "qdisc", "add", "dev", UPLINK, "root", "handle", "7:", "htb")
        linux.put_calls_first(0)
        assert "htb 7:" in in_namespace(network.box, "tc", "qdisc", "show", "dev", UPLINK).stdout

    def test_a_fence_that_somebody_took_down_is_known_to_be_gone(self, linux: LinuxPort, network: BoxNetwork) -> None:
        linux.set_fence(fence_text(SHAPE, PLAN))
        in_namespace(network.box, "nft", "flush", "ruleset")
        assert linux.fence() == ""
        with pytest.raises(PortRefused):
            linux.devices()

    def test_a_box_passes_on_only_what_comes_in_by_its_own_interfaces(self, linux: LinuxPort) -> None:
        linux.set_fence(fence_text(SHAPE, PLAN))
        linux.open(PLAN.boxes, routed=[PORT, "rf-tunnel", "not-there"])
        conf = Path("/proc/sys/net/ipv4/conf")
        forwarding = {name: (conf / name / "forwarding").read_text().strip() for name in (PORT, "rf-tunnel", UPLINK)}
        assert forwarding == {PORT: "1", "rf-tunnel": "1", UPLINK: "0"}
        linux.shut()
        assert (conf / PORT / "forwarding").read_text().strip() == "0"

    def test_who_sends_at_the_port_is_seen(self, linux: LinuxPort, network: BoxNetwork) -> None:
        linux.set_fence(fence_text(SHAPE, PLAN))
        linux.open(PLAN.boxes, routed=[PORT])
        wait_until(lambda: linux.links()[PORT], "no link")
        network.give("10.9.8.2/29")
        in_namespace(network.phone, "busybox", "ping", "-c", "1", "-W", "1", "10.9.8.1")
        wait_until(lambda: linux.devices() == {"001122334455"}, "the phone is not seen")

    def test_behind_a_gate_nothing_passes_but_who_is_let_in_and_all_is_noted(
        self, linux: LinuxPort, network: BoxNetwork
    ) -> None:
        linux.set_fence(fence_text(SHAPE, PLAN))
        linux.open(PLAN.boxes, routed=[BRIDGE], is_gated=True)
        bridge = LockedBridge(PORT)
        bridge.watch([PHONE_MAC])
        network.give("10.9.8.2/29")
        wait_until(lambda: linux.links()[PORT], "no link")
        ping = ("busybox", "ping", "-c", "1", "-W", "1", "10.9.8.1")
        assert in_namespace(network.phone, *ping).returncode
        assert not bridge.inside()
        assert bridge.seen() == {PHONE_MAC}
        bridge.let_in([PHONE_MAC])
        bridge.let_in([PHONE_MAC])
        wait_until(lambda: in_namespace(network.phone, *ping).returncode == 0, "nothing passes")
        bridge.watch([])
        assert bridge.seen() == {PHONE_MAC}, "who was seen is known when phones come and go"
        bridge.put_out([PHONE_MAC])
        bridge.put_out([PHONE_MAC])
        assert in_namespace(network.phone, *ping).returncode
        bridge.let_in([PHONE_MAC])
        before = bridge.link()
        assert before.is_up
        ip("-n", network.phone, "link", "set", "eth0", "down")
        wait_until(lambda: not bridge.inside(), "the kernel lets it in")
        wait_until(lambda: not bridge.link().is_up, "the link is not lost")
        ip("-n", network.phone, "link", "set", "eth0", "up")
        wait_until(lambda: bridge.link().is_up, "no link")
        assert bridge.link().changes == before.changes + 2
        assert not bridge.inside()
        bridge.watch_no_more()
        bridge.watch_no_more()

    def test_a_kernel_that_can_not_watch_a_bridge_has_no_gate(
        self, linux: LinuxPort, network: BoxNetwork, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refused(*_: object) -> None:
            raise PortRefused("nft says no: Operation not supported")

        linux.set_fence(fence_text(SHAPE, PLAN))
        monkeypatch.setattr(LockedBridge, "watch", refused)
        with pytest.raises(PortRefused, match="can't be locked"):
            linux.open(PLAN.boxes, routed=[BRIDGE], is_gated=True)
        assert f" {BRIDGE}: " not in ip("-n", network.box, "link", "show")
        linux.open(PLAN.boxes, routed=[PORT])
        assert (linux.addresses(), linux.is_gated()) == (PLAN.boxes, False)

    def test_a_lock_that_somebody_took_off_is_known_to_be_gone(self, linux: LinuxPort, network: BoxNetwork) -> None:
        linux.set_fence(fence_text(SHAPE, PLAN))
        linux.open(PLAN.boxes, routed=[BRIDGE], is_gated=True)
        in_namespace(network.box, "bridge", "link", "set", "dev", PORT, "locked", "off")
        assert (linux.is_gated(), linux.addresses()) == (False, ())

    def test_another_dhcp_server_at_the_port_is_found_by_asking(
        self, linux: LinuxPort, network: BoxNetwork, run_folder: Path
    ) -> None:
        linux.set_fence(fence_text(SHAPE, PLAN))
        linux.open(PLAN.boxes, routed=[PORT])
        wait_until(lambda: linux.links()[PORT], "no link")
        ip("-n", network.phone, "address", "add", "192.168.77.1/24", "dev", "eth0")
        with entered(network.phone):
            words = ["-k", "-p0", "--dhcp-range=192.168.77.10,192.168.77.20", "--dhcp-leasefile=/dev/null", "--no-ping"]
            rogue = KeptProgram("dnsmasq", [*words, "--conf-file=/dev/null", "--pid-file"], run_folder / "rogue.pid")
            rogue.start()
        try:

            def is_found() -> bool:
                linux.ask_who_serves()
                for _ in range(20):
                    if IPv4Address("192.168.77.1") in linux.others_serving():
                        return True
                    in_namespace(network.box, "sleep", "0.05")
                return False

            wait_until(is_found, "nobody answers")
        finally:
            rogue.end()

    def test_whoever_is_killed_while_fences_are_exchanged_leaves_one_that_is_known(
        self, linux: LinuxPort, run_folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second = fence_text(SHAPE, None), fence_text(SHAPE, PLAN)
        steps = 0
        for last in range(1, 5):
            linux.set_fence(first)
            left = [last]

            def killed(real: Callable[..., T], left: list[int] = left) -> Callable[..., T]:
                def step(*words: str, **more: str) -> T:
                    left[0] -= 1
                    if left[0] < 0:
                        raise KeyboardInterrupt
                    return real(*words, **more)

                return step

            with monkeypatch.context() as patched, contextlib.suppress(KeyboardInterrupt):
                patched.setattr(linux_port, "_write", killed(linux_port._write))
                patched.setattr(programs, "run", killed(programs.run))
                linux.set_fence(second)
            steps += left[0] < 0
            standing = LinuxPort(SHAPE, run_folder).fence()
            assert standing == (second if last >= 3 else first), last
        assert steps == 3, "every step but the last was cut off once"
