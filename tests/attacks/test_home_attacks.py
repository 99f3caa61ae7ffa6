"""Nobody at home gets the phone's file, and the phone boots all the same: each attack on a LAN of its own."""

import pytest

from home_attacks import HOME, Entry, carry_out

SLOWEST = 2.0
"""How many times as long the phone's boot may take, with SLACK_S for a busy machine."""
SLACK_S = 1.0


@pytest.mark.slow
@pytest.mark.needs("root")
@pytest.mark.needs("netns")
@pytest.mark.parametrize("entry", HOME, ids=lambda entry: entry.name)
def test_an_attack_at_home(entry: Entry) -> None:
    outcome = carry_out(entry)
    assert bool(outcome.leaked_bytes) is entry.leaks
    assert outcome.under_attack_s <= SLOWEST * outcome.calm_s + SLACK_S
    assert entry.says in outcome.said
