"""Nobody without a phone's key gets through a port that asks for it, and the phone gets in afterwards."""

import pytest

from attacks.gate_attacks import GATE, GateEntry, carry_out_at_gate

pytestmark = [
    *(pytest.mark.needs(part) for part in ("root", "netns", "nft", "dnsmasq", "busybox", "hostapd")),
    pytest.mark.slow,
]


@pytest.mark.parametrize("entry", [pytest.param(entry, id=entry.name) for entry in GATE])
def test_an_attack_on_a_port_that_asks_for_keys(entry: GateEntry) -> None:
    outcome = carry_out_at_gate(entry)
    assert bool(outcome.got) is bool(entry.leaks), outcome
