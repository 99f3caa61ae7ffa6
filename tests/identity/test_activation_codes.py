"""Activation codes: what is typed wrongly is told from what is wrong."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.identity.activation_codes import ALPHABET, RANDOM_CHARACTERS, ActivationCode
from ringfence.identity.errors import BadActivationCode

NUMBERS = st.lists(st.integers(0, len(ALPHABET) - 1), min_size=RANDOM_CHARACTERS, max_size=RANDOM_CHARACTERS)


@given(NUMBERS)
def test_a_code_reads_back_in_any_case_with_blanks_and_hyphens_anywhere(numbers: list[int]) -> None:
    code = ActivationCode.of(numbers)
    text = code.to_text()
    for typed in (text, text.lower(), text.replace("-", ""), text.replace("-", " \N{EN DASH} "), f"  {text}\t"):
        assert ActivationCode.from_text(typed) == code
    assert text.replace("-", "").endswith(code.ending)
    assert text.replace("-", "") not in repr(code)


@given(NUMBERS)
def test_each_mistyped_character_and_each_swap_of_two_is_told(numbers: list[int]) -> None:
    text = ActivationCode.of(numbers).to_text().replace("-", "")
    others = [text[:at] + wrong + text[at + 1 :] for at in range(len(text)) for wrong in ALPHABET if wrong != text[at]]
    for first, second in itertools.combinations(range(len(text)), 2):
        swapped = list(text)
        swapped[first], swapped[second] = text[second], text[first]
        others += ["".join(swapped)] if text[first] != text[second] else []
    for other in others:
        with pytest.raises(BadActivationCode, match="mistyped"):
            ActivationCode.from_text(other)


@pytest.mark.parametrize("text", ["", "7KM", "7KM-X3P-9QAA", "OKM-X3P-9QA", "1" * 9, "ß" * 9, "7KM_X3P_9QA", "\0" * 9])
def test_what_is_no_code_is_told_its_form(text: str) -> None:
    with pytest.raises(BadActivationCode) as caught:
        ActivationCode.from_text(text)
    assert "9 characters" in caught.value.to_do


@pytest.mark.parametrize("numbers", [[], [0] * 9])
def test_a_code_is_made_of_eight_numbers(numbers: list[int]) -> None:
    with pytest.raises(ValueError, match="numbers"):
        ActivationCode.of(numbers)
