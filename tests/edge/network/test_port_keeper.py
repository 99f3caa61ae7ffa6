"""What is done at the phone's port, in which order, and what is told: on a simulated port."""

from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from msgspec.structs import replace

from ringfence.edge.errors import BadNetworkRules
from ringfence.edge.network.fence import fence_text
from ringfence.edge.network.interfaces import BRIDGE, Interfaces
from ringfence.edge.network.keeper import ASK_S, KEPT_S, LOOK_S, TIME_UNKNOWN, PortKeeper
from ringfence.edge.network.plan import PortRules, read_plan
from ringfence.edge.network.port_access.gate import GateOrders
from ringfence.edge.network.port_access.gate_keeping import GateKeeping
from ringfence.edge.network.port_access.messages import KeyFault, KeyRefused
from ringfence.wire.network_messages import BoxProblem, NetworkConcentrator, NetworkReach, PortAccess
from support.box_network import GOOD, PHONE_MAC, STRANGER_MAC
from support.simulated_gate import SimulatedGate
from support.simulated_port import SimulatedPort

PAGE = "169.254.77.1/16"
INTERFACES = Interfaces("port", "home0")
HOME = frozenset({IPv4Network("192.168.1.0/24")})


@pytest.fixture
def port() -> SimulatedPort:
    return SimulatedPort(networks=HOME)


@pytest.fixture
def keeper(port: SimulatedPort) -> PortKeeper:
    made = PortKeeper(port, INTERFACES, Path("/run/box"))
    made.begin()
    return made


def found(keeper: PortKeeper) -> dict[str, str]:
    return {each.kind: each.sentence for each in keeper.standing.findings}


def test_it_begins_with_a_shut_port(port: SimulatedPort, keeper: PortKeeper) -> None:
    assert port.standing == fence_text(INTERFACES, None)
    keeper.take(PortRules(3))
    assert (port.given, port.service) == ((), None)
    assert found(keeper).keys() == {BoxProblem.NO_SUBNET}
    assert keeper.standing.in_force == 3


def test_the_fence_comes_before_the_address_and_the_address_before_the_service(
    port: SimulatedPort, keeper: PortKeeper
) -> None:
    port.steps.clear()
    keeper.take(GOOD)
    assert port.steps == ["fence", "open", "serve"]
    assert [str(each) for each in port.given] == ["10.9.8.1/29", PAGE]
    assert (keeper.standing.subnet, keeper.standing.findings) == ("10.9.8.0/29", ())
    assert keeper.standing.uplink_networks == ("192.168.1.0/24",)


def test_the_same_rules_again_change_nothing(port: SimulatedPort, keeper: PortKeeper) -> None:
    keeper.take(GOOD)
    port.steps.clear()
    keeper.take(replace(GOOD, version=8))
    keeper.on_time(100.0)
    assert port.steps == []
    assert keeper.standing.in_force == 8


def test_another_phone_is_told_to_dnsmasq_without_taking_the_link_down(port: SimulatedPort, keeper: PortKeeper) -> None:
    keeper.take(GOOD)
    port.steps.clear()
    keeper.take(replace(GOOD, phones=(PHONE_MAC, STRANGER_MAC)))
    assert port.steps == ["fence", "serve"]


def test_another_subnet_takes_the_link_down_so_that_phones_ask_again(port: SimulatedPort, keeper: PortKeeper) -> None:
    keeper.take(GOOD)
    port.steps.clear()
    keeper.take(replace(GOOD, subnet="10.9.8.16/29"))
    assert port.steps == ["fence", "serve no more", "shut", "open", "serve"]


def test_rules_beyond_the_bounds_change_nothing(port: SimulatedPort, keeper: PortKeeper) -> None:
    keeper.take(GOOD)
    before, steps = keeper.standing, list(port.steps)
    with pytest.raises(BadNetworkRules):
        keeper.take(replace(GOOD, subnet="8.8.8.0/29"))
    assert (keeper.standing, port.steps) == (before, steps)


def test_a_refused_fence_leaves_all_as_it_was_and_is_tried_again(port: SimulatedPort, keeper: PortKeeper) -> None:
    keeper.take(GOOD)
    before = port.standing
    port.refuses = "syntax error"
    keeper.take(replace(GOOD, subnet="10.9.8.16/29", version=8))
    assert "syntax error" in found(keeper)[BoxProblem.FENCE_REFUSED]
    assert (port.standing, [str(each) for each in port.given]) == (before, ["10.9.8.1/29", PAGE])
    assert (keeper.standing.in_force, keeper.standing.subnet) == (7, "10.9.8.0/29")
    port.refuses = ""
    keeper.on_time(100.0)
    assert (keeper.standing.in_force, keeper.standing.subnet, found(keeper)) == (8, "10.9.8.16/29", {})


def test_a_subnet_that_the_home_has_opens_nothing_until_there_is_another(
    port: SimulatedPort, keeper: PortKeeper
) -> None:
    keeper.take(replace(GOOD, subnet="192.168.1.64/29"))
    assert (port.given, port.service) == ((), None)
    assert port.standing == fence_text(INTERFACES, None) or "jump to_tunnel" not in port.standing
    assert "192.168.1.0/24" in found(keeper)[BoxProblem.COLLISION]
    assert keeper.standing.uplink_networks == ("192.168.1.0/24",)
    keeper.take(GOOD)
    assert (found(keeper), bool(port.given)) == ({}, True)


def test_a_home_that_changes_its_network_shuts_the_port(port: SimulatedPort, keeper: PortKeeper) -> None:
    keeper.take(GOOD)
    keeper.on_time(0.0)
    port.networks = frozenset({IPv4Network("10.0.0.0/8")})
    keeper.on_time(LOOK_S - 1)
    assert port.given
    keeper.on_time(LOOK_S)
    assert (port.given, port.service) == ((), None)
    assert "shut" in found(keeper)[BoxProblem.COLLISION]
    port.networks = HOME
    keeper.on_time(2 * LOOK_S)
    assert (bool(port.given), found(keeper)) == (True, {})


def test_what_the_home_has_is_not_reached_through_the_tunnel(port: SimulatedPort, keeper: PortKeeper) -> None:
    keeper.take(replace(GOOD, reach=(*GOOD.reach, NetworkReach("192.168.1.10", "udp", 5060, 5060))))
    assert "192.168.1.10" not in port.standing
    assert "10.1.1.1" in port.standing
    assert "home's" in found(keeper)[BoxProblem.COLLISION]


def test_a_tunnel_that_can_not_be_opened_is_told_and_the_port_is_open_all_the_same(
    port: SimulatedPort, keeper: PortKeeper
) -> None:
    end = NetworkConcentrator("c1", "192.0.2.7:51820", "A" * 43 + "=", ("192.168.1.0/24",), address="10.1.0.1")
    keeper.take(replace(GOOD, concentrators=(end,)))
    assert found(keeper) == {BoxProblem.KERNEL_LACKS: "there is no tunnel here."}
    assert port.given
    keeper.take(GOOD)
    assert found(keeper) == {}


def test_a_fence_for_the_same_interfaces_stays_when_another_helper_begins(port: SimulatedPort) -> None:
    first = PortKeeper(port, INTERFACES, Path("/run/box"))
    first.begin()
    first.take(GOOD)
    port.steps.clear()
    second = PortKeeper(port, INTERFACES, Path("/run/box"))
    second.begin()
    for now in (0.0, 1.0, LOOK_S, KEPT_S - 1):
        second.on_time(now)
    assert port.steps == []
    second.take(GOOD)
    assert port.steps == []


def test_what_stood_is_put_up_again_while_rules_are_waited_for_and_shut_when_none_come(port: SimulatedPort) -> None:
    first = PortKeeper(port, INTERFACES, Path("/run/box"))
    first.begin()
    first.take(GOOD)
    second = PortKeeper(port, INTERFACES, Path("/run/box"))
    second.begin()
    second.on_time(0.0)
    before, port.standing = port.standing, ""
    second.on_time(LOOK_S)
    assert (port.standing, bool(port.given)) == (before, True)
    second.on_time(KEPT_S)
    assert (port.standing == fence_text(INTERFACES, read_plan(PortRules(0))), port.given) == (True, ())


def test_a_fence_for_other_interfaces_does_not(port: SimulatedPort) -> None:
    port.standing = fence_text(Interfaces("port", "wlan0"), read_plan(GOOD))
    PortKeeper(port, INTERFACES, Path("/run/box")).begin()
    assert port.standing == fence_text(INTERFACES, None)


def test_a_fence_that_somebody_took_down_is_put_up_again(port: SimulatedPort, keeper: PortKeeper) -> None:
    keeper.take(GOOD)
    before, port.standing = port.standing, ""
    keeper.on_time(100.0)
    assert port.standing == before


def test_a_port_that_comes_late_is_opened_then(port: SimulatedPort) -> None:
    port.exists = False
    keeper = PortKeeper(port, INTERFACES, Path("/run/box"))
    keeper.begin()
    keeper.take(GOOD)
    assert "no interface port" in found(keeper)[BoxProblem.KERNEL_LACKS]
    assert not port.given
    port.exists = True
    keeper.on_time(100.0)
    assert (bool(port.given), found(keeper)) == (True, {})


def test_without_dnsmasq_the_fence_stands_and_the_package_is_named(port: SimulatedPort, keeper: PortKeeper) -> None:
    port.has_dnsmasq = False
    keeper.take(GOOD)
    assert "dnsmasq-base" in found(keeper)[BoxProblem.PROGRAM_MISSING]
    assert "jump to_tunnel" in port.standing
    port.has_dnsmasq = True
    keeper.on_time(100.0)
    assert (found(keeper), port.service is not None) == ({}, True)


def test_who_is_seen_at_the_port_is_told(port: SimulatedPort, keeper: PortKeeper) -> None:
    second = "001122334466"
    keeper.take(replace(GOOD, phones=(PHONE_MAC, second)))
    port.seen = frozenset({PHONE_MAC})
    keeper.on_time(100.0)
    assert (keeper.standing.devices, found(keeper)) == ((PHONE_MAC,), {})
    port.seen = frozenset({PHONE_MAC, second, STRANGER_MAC})
    keeper.on_time(200.0)
    assert "66:77:88:99:AA:BB" in found(keeper)[BoxProblem.UNKNOWN_DEVICE]
    assert "2 phones" in found(keeper)[BoxProblem.SEVERAL_PHONES]
    port.seen = frozenset()
    keeper.on_time(300.0)
    assert found(keeper) == {}


def test_where_anybody_may_come_nobody_is_a_stranger(port: SimulatedPort, keeper: PortKeeper) -> None:
    keeper.take(replace(GOOD, known_only=False))
    port.seen = frozenset({STRANGER_MAC})
    keeper.on_time(100.0)
    assert found(keeper) == {}


def test_it_asks_who_else_gives_out_addresses_whenever_the_link_comes_back(
    port: SimulatedPort, keeper: PortKeeper
) -> None:
    keeper.take(GOOD)
    keeper.on_time(0.0)
    keeper.on_time(1.0)
    assert port.asked == 1
    port.others = frozenset({IPv4Address("192.168.1.1")})
    keeper.on_time(2.0)
    assert "192.168.1.1" in found(keeper)[BoxProblem.OTHER_DHCP_SERVER]
    port.has_link = False
    keeper.on_time(3.0)
    port.has_link, port.others = True, frozenset()
    keeper.on_time(4.0)
    assert (port.asked, found(keeper)) == (2, {})
    keeper.on_time(4.0 + ASK_S)
    assert port.asked == 3


def test_guests_need_a_way_out_that_has_a_name(port: SimulatedPort) -> None:
    keeper = PortKeeper(port, Interfaces("port"), Path("/run/box"))
    keeper.begin()
    keeper.take(replace(GOOD, guest_subnet="10.9.9.0/24"))
    assert "--uplink" in found(keeper)[BoxProblem.OTHER]
    assert [str(each) for each in port.given] == ["10.9.8.1/29", PAGE]


def test_a_program_that_does_not_stay_is_told_until_it_does(port: SimulatedPort, keeper: PortKeeper) -> None:
    keeper.take(GOOD)
    port.trouble = "dnsmasq ended with status 2 and is started again."
    keeper.on_time(100.0)
    assert found(keeper) == {BoxProblem.OTHER: port.trouble}
    port.trouble = ""
    keeper.on_time(101.0)
    assert found(keeper) == {}


def test_phones_are_told_the_time_while_it_is_known_and_somebody_can(port: SimulatedPort, keeper: PortKeeper) -> None:
    keeper.take(GOOD)
    assert str(port.time_at) == "10.9.8.1/29", "the kernel says that the clock is kept"
    port.clock_is_kept = False
    keeper.on_time(100.0)
    assert (port.time_at, found(keeper)) == (None, {BoxProblem.OTHER: TIME_UNKNOWN})
    keeper.hear_of_clock(is_right=True)
    assert (str(port.time_at), found(keeper)) == ("10.9.8.1/29", {})
    port.clock_is_kept = True  # by whom the home's router says
    keeper.hear_of_clock(is_right=False)
    assert (port.time_at, found(keeper)) == (None, {BoxProblem.OTHER: TIME_UNKNOWN})
    keeper.hear_of_clock(is_right=True)
    keeper.take(replace(GOOD, subnet="10.9.8.16/29"))
    assert str(port.time_at) == "10.9.8.17/29"
    port.has_chrony = False
    keeper.on_time(200.0)
    assert "apt install chrony" in found(keeper)[BoxProblem.PROGRAM_MISSING]
    port.has_chrony = True
    keeper.take(PortRules(9))
    assert port.time_at is None


def test_guests_whose_subnet_the_home_has_get_nothing_and_the_phone_goes_on(
    port: SimulatedPort, keeper: PortKeeper
) -> None:
    keeper.take(replace(GOOD, guest_subnet="192.168.0.0/20"))
    assert "192.168.1.0/24" in found(keeper)[BoxProblem.COLLISION]
    assert [str(each) for each in port.given] == ["10.9.8.1/29", PAGE]
    assert "192.168.0.0/20" not in port.standing
    keeper.take(replace(GOOD, guest_subnet="10.9.9.0/24"))
    assert (len(port.given), found(keeper)) == (3, {})


def test_before_the_hub_has_told_anything_there_is_nothing_to_complain_of(keeper: PortKeeper) -> None:
    keeper.take(PortRules(0))
    assert found(keeper) == {}


def test_calls_go_first_where_the_lines_rate_and_the_uplink_are_known(port: SimulatedPort, keeper: PortKeeper) -> None:
    keeper.begin()
    keeper.take(replace(GOOD, uplink_kbit=2000))
    assert port.queued_kbit == 2000
    assert keeper.standing.findings == ()
    port.refuses_queue = "tc says no"
    keeper.take(replace(GOOD, version=8, uplink_kbit=3000))
    assert "tc says no" in found(keeper)[BoxProblem.KERNEL_LACKS]
    port.refuses_queue = ""
    keeper.take(replace(GOOD, version=9))
    assert (port.queued_kbit, keeper.standing.findings) == (0, ())


def test_without_a_named_uplink_it_is_told_that_calls_do_not_go_first(port: SimulatedPort, tmp_path: Path) -> None:
    nameless = PortKeeper(port, Interfaces("port"), tmp_path)
    nameless.begin()
    nameless.take(replace(GOOD, uplink_kbit=2000))
    assert "without --uplink" in found(nameless)[BoxProblem.OTHER]


# -- 802.1X ----------------------------------------------------------------------------------------------------------

CA = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
NAME = f"CP-9971-SEP{PHONE_MAC}"


@pytest.fixture
def gate() -> SimulatedGate:
    return SimulatedGate()


@pytest.fixture
def gated(port: SimulatedPort, gate: SimulatedGate) -> PortKeeper:
    made = PortKeeper(port, INTERFACES, Path("/run/box"), open_gate=lambda: GateKeeping(gate))
    made.begin()
    return made


def asking(access: PortAccess) -> PortRules:
    return replace(GOOD, port_access=access, authorities=(CA,))


def test_a_port_that_asks_for_802_1x_stands_behind_its_gate_and_services_are_at_the_bridge(
    port: SimulatedPort, gate: SimulatedGate, gated: PortKeeper
) -> None:
    gated.take(asking(PortAccess.REQUIRE))
    assert (port.gated, port.routed, gate.orders) == (
        True, (BRIDGE, "rf-tunnel"), GateOrders((CA,), frozenset({PHONE_MAC}))
    )  # fmt: skip
    assert port.service is not None
    assert f"interface={BRIDGE}\n" in port.service.configuration
    gate.show(PHONE_MAC, NAME)
    gated.on_time(1.0)
    assert [(each.mac, each.certificate) for each in gated.standing.entries] == [(PHONE_MAC, NAME)]


def test_the_gate_comes_and_goes_behind_the_same_fence(
    port: SimulatedPort, gate: SimulatedGate, gated: PortKeeper
) -> None:
    gated.take(GOOD)
    port.steps.clear()
    gated.take(asking(PortAccess.TRY))
    assert port.steps == ["serve no more", "shut", "open", "serve"]
    port.steps.clear()
    gated.take(asking(PortAccess.REQUIRE))
    assert port.steps == []
    gated.take(GOOD)
    assert port.steps == ["serve no more", "shut", "open", "serve"]
    assert (port.gated, gate.orders, gated.standing.entries) == (False, None, ())


def test_a_kernel_without_a_lock_is_told_and_only_who_requires_it_is_shut(
    port: SimulatedPort, gate: SimulatedGate, gated: PortKeeper
) -> None:
    port.can_gate = False
    gated.take(asking(PortAccess.TRY))
    assert "let in without 802.1X" in found(gated)[BoxProblem.KERNEL_LACKS]
    assert (bool(port.given), port.gated, gate.orders) == (True, False, None)
    port.steps.clear()
    gated.on_time(100.0)
    assert port.steps == [], "a phone's link is not taken down again and again"
    gated.take(asking(PortAccess.REQUIRE))
    assert "can't be locked" in found(gated)[BoxProblem.KERNEL_LACKS]
    gated.on_time(200.0)
    assert (port.given, gated.standing.entries) == ((), ())
    port.can_gate = True
    gated.on_time(300.0)
    assert (port.gated, found(gated)) == (True, {})


def test_without_hostapd_the_package_is_named(port: SimulatedPort, gate: SimulatedGate, gated: PortKeeper) -> None:
    gate.has_hostapd = False
    gated.take(asking(PortAccess.REQUIRE))
    gated.on_time(1.0)
    assert "apt install hostapd" in found(gated)[BoxProblem.PROGRAM_MISSING]
    assert (port.gated, gate.let) == (True, set())
    gate.has_hostapd = True
    gated.on_time(100.0)
    assert found(gated) == {}


def test_what_failed_at_the_gate_is_told(gate: SimulatedGate, gated: PortKeeper) -> None:
    gated.take(asking(PortAccess.REQUIRE))
    gate.said.append(KeyRefused(PHONE_MAC, KeyFault.FOREIGN))
    gate.trouble = "hostapd ended with status 1 and is started again."
    gate.at.add(STRANGER_MAC)
    gated.on_time(1.0)
    assert "port-authority add" in found(gated)[BoxProblem.KEY_REFUSED]
    assert found(gated)[BoxProblem.OTHER] == gate.trouble
    assert "66:77:88:99:AA:BB" in found(gated)[BoxProblem.UNKNOWN_DEVICE]


def test_a_home_without_dhcp_has_the_pages_network_for_itself(port: SimulatedPort, keeper: PortKeeper) -> None:
    port.networks = frozenset({IPv4Network("169.254.0.0/16")})
    keeper.take(GOOD)
    assert ([str(each) for each in port.given], found(keeper)) == (["10.9.8.1/29"], {})
    assert "169.254.77.1" not in port.standing
