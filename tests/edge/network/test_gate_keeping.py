"""Who is let in at a port that asks for 802.1X, and what is told: on a simulated gate."""

from collections.abc import Collection

import pytest

from ringfence.edge.network.port_access.gate import GateOrders
from ringfence.edge.network.port_access.gate_keeping import (
    ASK_AGAIN_S,
    MOST_INSIDE,
    RENEW_S,
    SETTLES_S,
    TRY_S,
    GateKeeping,
)
from ringfence.edge.network.port_access.messages import KeyFault, KeyRefused, KeyShown
from ringfence.wire.network_messages import AdmittedBy, PortAccess, PortEntry
from support.box_network import PHONE_MAC, STRANGER_MAC
from support.simulated_gate import SimulatedGate

NAME = f"CP-9971-SEP{PHONE_MAC}"
ORDERS = GateOrders(("a CA",), frozenset({PHONE_MAC}))
SINCE = 1_700_000_000.0
BY_KEY = (PortEntry(PHONE_MAC, AdmittedBy.KEY, SINCE, NAME),)
WITHOUT = (PortEntry(PHONE_MAC, AdmittedBy.FALLBACK, SINCE),)


@pytest.fixture
def gate() -> SimulatedGate:
    return SimulatedGate()


@pytest.fixture
def keeping(gate: SimulatedGate) -> GateKeeping:
    return GateKeeping(gate, lambda: SINCE)


def begin(keeping: GateKeeping, access: PortAccess, orders: GateOrders = ORDERS) -> None:
    keeping.settle(access, orders)
    keeping.on_time(0.0)


def test_a_key_lets_its_phone_in_once_hostapd_says_so_too(gate: SimulatedGate, keeping: GateKeeping) -> None:
    begin(keeping, PortAccess.REQUIRE)
    gate.show(PHONE_MAC, NAME)
    gate.authorised[PHONE_MAC] = False
    keeping.on_time(1.0)
    assert (keeping.entries, gate.let, keeping.is_waiting) == ((), set(), True)
    gate.authorised[PHONE_MAC] = True
    keeping.on_time(1.1)
    assert (keeping.entries, gate.let, keeping.is_waiting) == (BY_KEY, {PHONE_MAC}, False)


def test_a_key_that_hostapd_never_hears_of_is_forgotten(gate: SimulatedGate, keeping: GateKeeping) -> None:
    begin(keeping, PortAccess.REQUIRE)
    gate.said.append(KeyShown(PHONE_MAC, NAME))
    keeping.on_time(1.0)
    keeping.on_time(1.1 + SETTLES_S)
    gate.authorised[PHONE_MAC] = True
    keeping.on_time(2.0 + SETTLES_S)
    assert (keeping.entries, keeping.is_waiting) == ((), False)


def test_the_key_of_a_phone_that_is_not_the_sites_lets_nobody_in(gate: SimulatedGate, keeping: GateKeeping) -> None:
    begin(keeping, PortAccess.TRY)
    gate.show(STRANGER_MAC, f"SEP{STRANGER_MAC}")
    keeping.on_time(1.0)
    keeping.on_time(1.0 + TRY_S)
    assert (keeping.entries, gate.let, gate.asked) == ((), set(), [])


@pytest.mark.parametrize("how", ["logoff", "link", "other rules", "kernel"])
def test_who_leaves_is_out(gate: SimulatedGate, keeping: GateKeeping, how: str) -> None:
    begin(keeping, PortAccess.REQUIRE)
    gate.show(PHONE_MAC, NAME)
    keeping.on_time(1.0)
    match how:
        case "logoff":
            gate.authorised[PHONE_MAC] = False
        case "link":
            gate.lose_link()
        case "kernel":
            gate.let.clear()
        case _:
            keeping.settle(PortAccess.REQUIRE, GateOrders(("a CA",), frozenset()))
    keeping.on_time(2.0)
    gate.up = True
    keeping.on_time(3.0)
    assert (keeping.entries, gate.let) == ((), set())


def test_a_link_that_was_lost_for_a_moment_only_puts_out_whoever_was_in(
    gate: SimulatedGate, keeping: GateKeeping
) -> None:
    begin(keeping, PortAccess.REQUIRE)
    gate.show(PHONE_MAC, NAME)
    keeping.on_time(1.0)
    gate.changes += 2
    keeping.on_time(2.0)
    assert (keeping.entries, gate.let) == ((), set())
    gate.show(PHONE_MAC, NAME)
    gate.changes += 2
    keeping.on_time(3.0)
    assert (keeping.entries, gate.let) == ((), set())
    assert gate.asked, "the key is asked for again"
    gate.show(PHONE_MAC, NAME)
    keeping.on_time(4.0)
    assert (keeping.entries, gate.let) == (BY_KEY, {PHONE_MAC})


def test_a_phone_that_is_just_plugged_in_loses_nothing_by_that(gate: SimulatedGate, keeping: GateKeeping) -> None:
    gate.up = False
    begin(keeping, PortAccess.REQUIRE)
    gate.up, gate.changes = True, 1
    gate.show(PHONE_MAC, NAME)
    keeping.on_time(1.0)
    assert keeping.entries == BY_KEY


def test_whom_the_kernel_puts_out_meanwhile_is_not_let_in_again(
    gate: SimulatedGate, keeping: GateKeeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The link goes away while it is being looked who is there."""
    begin(keeping, PortAccess.REQUIRE)
    gate.show(PHONE_MAC, NAME)
    keeping.on_time(1.0)
    real = gate.at_gate

    def lost_meanwhile() -> frozenset[str]:
        gate.let.clear()
        gate.changes += 2
        return real()

    with monkeypatch.context() as patched:
        patched.setattr(gate, "at_gate", lost_meanwhile)
        keeping.on_time(2.0)
    assert gate.let == set()
    keeping.on_time(3.0)
    assert (keeping.entries, gate.let) == ((), set())


def test_who_was_let_in_on_a_link_that_had_just_changed_is_out_at_once(
    gate: SimulatedGate, keeping: GateKeeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(keeping, PortAccess.REQUIRE)
    gate.show(PHONE_MAC, NAME)
    real = gate.let_in

    def another_is_plugged_in(macs: Collection[str]) -> None:
        gate.changes += 2
        real(macs)

    with monkeypatch.context() as patched:
        patched.setattr(gate, "let_in", another_is_plugged_in)
        keeping.on_time(1.0)
    assert gate.let == set()
    keeping.on_time(2.0)
    assert keeping.entries == ()


def test_a_failure_after_a_success_ends_it(gate: SimulatedGate, keeping: GateKeeping) -> None:
    begin(keeping, PortAccess.REQUIRE)
    gate.show(PHONE_MAC, NAME)
    keeping.on_time(1.0)
    gate.said.append(KeyRefused(PHONE_MAC, KeyFault.EXPIRED))
    keeping.on_time(2.0)
    assert (keeping.entries, gate.let) == ((), set())
    assert "has expired" in keeping.refusals[0]


def test_try_waits_for_a_key_and_then_lets_in_without(gate: SimulatedGate, keeping: GateKeeping) -> None:
    begin(keeping, PortAccess.TRY)
    gate.at.update({PHONE_MAC, STRANGER_MAC})
    keeping.on_time(1.0)
    assert (gate.asked, gate.let) == ([PHONE_MAC], set())
    keeping.on_time(1.0 + TRY_S)
    assert (keeping.entries, gate.let) == (WITHOUT, {PHONE_MAC})
    assert "let in without 802.1X" in keeping.without_key
    gate.show(PHONE_MAC, NAME)
    keeping.on_time(30.0)
    assert (keeping.entries, keeping.without_key) == (BY_KEY, "")


def test_require_lets_nobody_in_without_a_key_and_goes_on_asking(gate: SimulatedGate, keeping: GateKeeping) -> None:
    begin(keeping, PortAccess.REQUIRE)
    gate.at.add(PHONE_MAC)
    keeping.on_time(1.0)
    keeping.on_time(2.0 + ASK_AGAIN_S)
    keeping.on_time(1000.0)
    assert (gate.asked, gate.let) == ([PHONE_MAC] * 3, set())
    assert "--port-access try" in keeping.without_key


def test_who_came_in_without_a_key_is_out_when_the_site_requires_one(gate: SimulatedGate, keeping: GateKeeping) -> None:
    begin(keeping, PortAccess.TRY)
    gate.at.add(PHONE_MAC)
    keeping.on_time(1.0)
    keeping.on_time(1.0 + TRY_S)
    keeping.settle(PortAccess.REQUIRE, ORDERS)
    keeping.on_time(20.0)
    assert (keeping.entries, gate.let) == ((), set())


@pytest.mark.parametrize("fault", KeyFault)
def test_each_failure_is_told_and_try_lets_the_phone_in_at_once(
    gate: SimulatedGate, keeping: GateKeeping, fault: KeyFault
) -> None:
    begin(keeping, PortAccess.TRY)
    gate.at.add(PHONE_MAC)
    gate.said.append(KeyRefused(PHONE_MAC, fault, "what it is called"))
    keeping.on_time(1.0)
    assert keeping.entries == WITHOUT
    (told,) = keeping.refusals
    assert told.startswith("00:11:22:33:44:55 ")
    assert told.endswith("It is let in all the same, at a lower level.")
    assert keeping.without_key == ""


def test_a_hostapd_that_is_started_anew_breaks_nothing_and_proves_nothing(
    gate: SimulatedGate, keeping: GateKeeping
) -> None:
    begin(keeping, PortAccess.REQUIRE)
    gate.show(PHONE_MAC, NAME)
    keeping.on_time(1.0)
    del gate.authorised[PHONE_MAC]
    keeping.on_time(2.0)
    assert (keeping.entries, gate.let, gate.asked) == ((), {PHONE_MAC}, [PHONE_MAC])
    gate.show(PHONE_MAC, NAME)
    keeping.on_time(3.0)
    assert (keeping.entries, gate.let) == (BY_KEY, {PHONE_MAC})
    del gate.authorised[PHONE_MAC]
    keeping.on_time(4.0)
    gate.authorised[PHONE_MAC] = True  # it was only busy
    keeping.on_time(5.0)
    assert keeping.entries == BY_KEY
    del gate.authorised[PHONE_MAC]
    keeping.on_time(6.0)
    keeping.on_time(6.0 + RENEW_S)
    assert (len(keeping.entries), len(gate.let)) == (0, 0)


def test_whom_an_earlier_helper_let_in_stays_for_a_while(gate: SimulatedGate, keeping: GateKeeping) -> None:
    gate.let.update({PHONE_MAC, STRANGER_MAC})
    begin(keeping, PortAccess.REQUIRE)
    assert (keeping.entries, gate.let, gate.asked) == ((), {PHONE_MAC}, [PHONE_MAC])
    keeping.on_time(RENEW_S)
    assert gate.let == set()


def test_without_hostapd_try_lets_in_at_once_and_require_nobody(gate: SimulatedGate, keeping: GateKeeping) -> None:
    gate.has_hostapd = False
    gate.at.add(PHONE_MAC)
    begin(keeping, PortAccess.REQUIRE)
    assert (keeping.missing, gate.let) == ("hostapd is not installed. Install it: apt install hostapd", set())
    begin(keeping, PortAccess.TRY)
    assert (keeping.entries, gate.let) == (WITHOUT, {PHONE_MAC})


def test_so_many_phones_and_no_more_are_let_in(gate: SimulatedGate, keeping: GateKeeping) -> None:
    many = [f"0011223344{number:02X}" for number in range(MOST_INSIDE + 5)]
    begin(keeping, PortAccess.TRY, GateOrders((), frozenset(many)))
    gate.at.update(many)
    keeping.on_time(1.0)
    keeping.on_time(1.0 + TRY_S)
    assert len(gate.let) == MOST_INSIDE
