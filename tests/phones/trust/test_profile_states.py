"""Which forms of its profile a phone finds: every setting with everything that can be known of a phone."""

from itertools import product

import pytest

from ringfence.phones.trust.profile_state import (
    OwnProfile,
    ProfileFacts,
    ProfileForms,
    profile_forms_of,
    profile_state_of,
)
from ringfence.phones.trust.state import Trust, TrustState

FACTS = [
    ProfileFacts(has_key, needs_first, takes_key, has_previous)
    for has_key, needs_first, takes_key, has_previous in product((False, True), repeat=4)
    if (has_key or (needs_first and not takes_key and not has_previous)) and not (takes_key and has_previous)
]
CASES = list(product(Trust, FACTS, (False, True)))


@pytest.mark.parametrize(("wanted", "facts", "withdraws"), CASES)
def test_no_phone_is_left_without_a_profile_that_it_can_have(
    wanted: Trust, facts: ProfileFacts, withdraws: bool
) -> None:
    forms = profile_forms_of(wanted, facts, withdraws=withdraws)

    if facts.has_key:
        assert forms.encrypted
    if facts.has_previous:
        assert forms.by_previous
    if facts.needs_first:
        assert forms.own is not OwnProfile.NONE


@pytest.mark.parametrize(("wanted", "facts", "withdraws"), CASES)
def test_all_is_in_clear_only_where_nobody_asked_for_more(wanted: Trust, facts: ProfileFacts, withdraws: bool) -> None:
    forms = profile_forms_of(wanted, facts, withdraws=withdraws)

    assert (forms.own is OwnProfile.WHOLE) == (wanted is not Trust.ENCRYPTED)
    assert forms.leads_back == (forms.own is OwnProfile.WHOLE and facts.has_key)
    if wanted is not Trust.ENCRYPTED and not facts.has_key:
        assert forms == ProfileForms(OwnProfile.WHOLE)


def test_the_first_profile_goes_when_it_is_not_needed() -> None:
    taken = ProfileFacts(has_key=True, needs_first=False, takes_key=True)
    assert profile_forms_of(Trust.ENCRYPTED, taken).own is OwnProfile.NONE
    assert profile_forms_of(Trust.ENCRYPTED, taken, withdraws=False).own is OwnProfile.FIRST


@pytest.mark.parametrize(
    ("wanted", "facts", "state"),
    [
        (Trust.OFF, ProfileFacts(), TrustState.UNKNOWN),
        (Trust.SIGNED, ProfileFacts(), TrustState.UNKNOWN),
        (Trust.ENCRYPTED, ProfileFacts(), TrustState.OFFERED),
        (Trust.ENCRYPTED, ProfileFacts(has_key=True), TrustState.OFFERED),
        (Trust.ENCRYPTED, ProfileFacts(has_key=True, needs_first=False, takes_key=True), TrustState.ENCRYPTED),
        (Trust.ENCRYPTED, ProfileFacts(has_key=True, needs_first=False, has_previous=True), TrustState.ENCRYPTED),
        (Trust.OFF, ProfileFacts(has_key=True, needs_first=False, takes_key=True), TrustState.RELEASING),
    ],
)
def test_how_far_a_phone_is(wanted: Trust, facts: ProfileFacts, state: TrustState) -> None:
    assert profile_state_of(wanted, facts) is state
