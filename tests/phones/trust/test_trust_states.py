"""How far a phone is with its trust list, and the forms of its files: every case there is."""

from itertools import product

import pytest

from ringfence.phones.trust.state import (
    FileForms,
    ListOffer,
    Transport,
    Trust,
    TrustFacts,
    TrustState,
    forms_of,
    state_of,
)

ALL_FACTS = [TrustFacts(*known) for known in product((False, True), repeat=7)]
EVERY_CASE = [(wanted, facts, withdraws) for wanted in Trust for facts in ALL_FACTS for withdraws in (False, True)]


@pytest.mark.parametrize(
    ("wanted", "facts", "state", "forms"),
    [
        (Trust.OFF, TrustFacts(), TrustState.UNKNOWN, FileForms()),
        (
            Trust.SIGNED, TrustFacts(), TrustState.OFFERED,
            FileForms(plain=True, signed=True, trust_list=ListOffer.FULL),
        ),
        (
            Trust.SIGNED, TrustFacts(took_list=True), TrustState.OFFERED,
            FileForms(plain=True, signed=True, trust_list=ListOffer.FULL),
        ),
        (
            Trust.SIGNED, TrustFacts(took_list=True, takes_signed=True), TrustState.SIGNED,
            FileForms(plain=False, signed=True, trust_list=ListOffer.FULL),
        ),
        (
            Trust.ENCRYPTED, TrustFacts(took_list=True, takes_signed=True), TrustState.SIGNED,
            FileForms(plain=False, signed=True, trust_list=ListOffer.FULL),
        ),
        (
            Trust.ENCRYPTED, TrustFacts(took_list=True, takes_signed=True, has_certificate=True), TrustState.CERTIFIED,
            FileForms(plain=False, signed=True, encrypted=True, trust_list=ListOffer.FULL),
        ),
        (
            Trust.ENCRYPTED,
            TrustFacts(took_list=True, takes_signed=True, has_certificate=True, takes_encrypted=True),
            TrustState.ENCRYPTED, FileForms(plain=False, signed=True, encrypted=True, trust_list=ListOffer.FULL),
        ),
        (
            Trust.OFF, TrustFacts(took_list=True, takes_signed=True), TrustState.SIGNED,
            FileForms(plain=True, signed=True, trust_list=ListOffer.FULL),
        ),
        (
            Trust.OFF, TrustFacts(took_list=True, takes_signed=True, is_releasing=True), TrustState.RELEASING,
            FileForms(plain=True, signed=True, trust_list=ListOffer.RELEASE),
        ),
        (
            Trust.OFF, TrustFacts(took_list=True, takes_signed=True, is_releasing=True, is_released=True),
            TrustState.RELEASED, FileForms(),
        ),
    ],
)  # fmt: skip
def test_step_by_step(wanted: Trust, facts: TrustFacts, state: TrustState, forms: FileForms) -> None:
    assert (state_of(wanted, facts), forms_of(wanted, facts)) == (state, forms)


@pytest.mark.parametrize("withdraws", [False, True])
def test_plain_files_stay_if_they_are_to_until_encrypted_ones_are_taken(*, withdraws: bool) -> None:
    facts = TrustFacts(took_list=True, takes_signed=True, has_certificate=True)
    taken = TrustFacts(took_list=True, takes_signed=True, has_certificate=True, takes_encrypted=True)

    assert forms_of(Trust.SIGNED, facts, withdraws=withdraws).plain is not withdraws
    assert not forms_of(Trust.ENCRYPTED, taken, withdraws=withdraws).plain


@pytest.mark.parametrize(("wanted", "facts", "withdraws"), EVERY_CASE)
def test_in_every_case_the_phone_finds_a_file_that_it_can_take(
    wanted: Trust, facts: TrustFacts, *, withdraws: bool
) -> None:
    forms = forms_of(wanted, facts, withdraws=withdraws)

    if facts.may_hold_list:
        assert forms.signed  # it may refuse everything else
    if not facts.takes_signed or facts.is_released:
        assert forms.plain  # it may never have heard of signed files
    if forms.encrypted:
        assert facts.takes_signed
        assert facts.has_certificate
        assert wanted is Trust.ENCRYPTED
    assert forms.signed == (forms.trust_list is not ListOffer.NONE)


@pytest.mark.parametrize(("wanted", "facts", "withdraws"), EVERY_CASE)
def test_in_every_case_a_phone_is_let_go_only_where_somebody_ordered_it(
    wanted: Trust, facts: TrustFacts, *, withdraws: bool
) -> None:
    forms, state = forms_of(wanted, facts, withdraws=withdraws), state_of(wanted, facts)

    assert (forms.trust_list is ListOffer.RELEASE) == (facts.is_releasing and not facts.is_released)
    assert (state is TrustState.RELEASED) == facts.is_released


@pytest.mark.parametrize("transport", Transport)
@pytest.mark.parametrize(("wanted", "facts", "withdraws"), EVERY_CASE)
def test_in_every_case_a_phone_that_asks_by_https_finds_its_file_there_and_its_signed_one_beside_it(
    wanted: Trust, facts: TrustFacts, transport: Transport, *, withdraws: bool
) -> None:
    forms = forms_of(wanted, facts, withdraws=withdraws, transport=transport)

    if facts.took_https and facts.may_hold_list:
        assert forms.https  # until it took another list
    if forms.https:
        assert forms.signed  # what it falls back to
    if forms.trust_list is ListOffer.HTTPS:
        assert (forms.https, wanted, transport) == (True, Trust.SIGNED, Transport.HTTPS)
        assert not forms.encrypted
    if transport is Transport.FILES and not facts.took_https:
        assert not forms.https
