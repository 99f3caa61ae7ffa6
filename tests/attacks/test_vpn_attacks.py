"""A phone with a VPN of its own gives strangers nothing, and its head end lets none in, except where it is stated."""

import pytest

from attacks.vpn_attacks import VPN, VpnEntry, carry_out_at_vpn


@pytest.mark.slow
@pytest.mark.parametrize("entry", [pytest.param(entry, id=entry.name) for entry in VPN])
def test_an_attack_on_a_phones_own_vpn(entry: VpnEntry) -> None:
    outcome = carry_out_at_vpn(entry)
    assert bool(outcome.got) is bool(entry.leaks), outcome
    assert outcome.did
