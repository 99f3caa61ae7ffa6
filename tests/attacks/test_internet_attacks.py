"""Nobody on the internet gets a phone's file from a gateway, but who wins a window's race; nobody is flooded by it.

How long the phone's boots take is a figure of `make attacks`; that each brought it its file is asserted as it boots.
"""

import pytest

from attacks.attack_outcomes import Entry, carry_out, floods_alone
from attacks.internet_attacks import INTERNET
from attacks.internet_lan import Internet


@pytest.mark.slow
@pytest.mark.needs("root")
@pytest.mark.needs("netns")
@pytest.mark.needs("nft")
@pytest.mark.parametrize("entry", [floods_alone(entry) for entry in INTERNET])
def test_an_attack_on_the_internet(entry: Entry[Internet]) -> None:
    outcome = carry_out(entry)
    assert bool(outcome.leaked_bytes) is bool(entry.leaks), outcome
    assert outcome.fairness is not None
    assert entry.says in outcome.said, outcome
