"""Nobody at home gets the phone's file, and the phone boots all the same: each attack on a LAN of its own.

How long its boots take is a figure of `make attacks`; that each of them brought the phone its own file is asserted as
it boots (``Place.boot_s``).
"""

import pytest

from attacks.attack_outcomes import Entry, carry_out, floods_alone
from attacks.home_attacks import HOME
from attacks.home_lan import HomeLan


@pytest.mark.slow
@pytest.mark.needs("root")
@pytest.mark.needs("netns")
@pytest.mark.needs("busybox")
@pytest.mark.parametrize("entry", [floods_alone(entry) for entry in HOME])
def test_an_attack_at_home(entry: Entry[HomeLan]) -> None:
    outcome = carry_out(entry)
    assert bool(outcome.leaked_bytes) is bool(entry.leaks), outcome
    assert entry.says in outcome.said, outcome
