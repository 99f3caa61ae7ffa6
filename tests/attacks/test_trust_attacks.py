"""A phone with a trust list believes nobody but us and gives nothing away, except where it is stated why it can't."""

import pytest

from attacks.trust_attacks import TRUST, TrustEntry, carry_out_on_phone


@pytest.mark.slow
@pytest.mark.parametrize("entry", [pytest.param(entry, id=entry.name) for entry in TRUST])
def test_an_attack_on_a_phone_with_a_list(entry: TrustEntry) -> None:
    outcome = carry_out_on_phone(entry)
    assert bool(outcome.got) is bool(entry.leaks), outcome
    assert outcome.did
