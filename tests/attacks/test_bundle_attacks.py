"""A stolen bundle shows nothing, and nobody but the phone gets its file, except where it is stated why."""

import pytest

from attacks.bundle_attacks import BUNDLES, BundleEntry, carry_out_at_home

_NETWORK = (pytest.mark.needs("root", "netns"),)


@pytest.mark.slow
@pytest.mark.parametrize(
    "entry", [pytest.param(entry, id=entry.name, marks=_NETWORK if entry.needs_network else ()) for entry in BUNDLES]
)
def test_an_attack_on_a_home_with_a_bundle(entry: BundleEntry) -> None:
    outcome = carry_out_at_home(entry)
    assert bool(outcome.got) is bool(entry.leaks), outcome
    assert outcome.did
