"""Whatever is done to a hub, people and edges are served, its memory is bounded, and its connections come back.

How long others wait is a figure of `make attacks`; that each of their requests was answered is asserted as they ask.
"""

import pytest

from attacks.hub_attacks import HUB
from attacks.hub_outcomes import HubEntry, carry_out_on_hub
from attacks.rogue_edges import ROGUES


@pytest.mark.slow
@pytest.mark.parametrize("entry", [pytest.param(entry, id=entry.name) for entry in (*HUB, *ROGUES)])
def test_an_attack_on_a_hub(entry: HubEntry) -> None:
    outcome = carry_out_on_hub(entry)
    assert outcome.leaked_bytes == 0, outcome
    assert outcome.grown_mib <= entry.grows_mib, outcome
    assert not entry.says or entry.says in outcome.said, outcome
