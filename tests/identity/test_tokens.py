import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.identity.errors import BadToken, ExpiredToken
from ringfence.identity.tokens import PREFIX, EnrolmentToken
from ringfence.secret import Secret

TOKEN = EnrolmentToken("https://hub.example.org:8444", "ab" * 32, Secret("s3cret"), 1_800_000_000, "Büro Anna")


def test_a_token_comes_back_as_it_went() -> None:
    assert EnrolmentToken.from_text(TOKEN.to_text()) == TOKEN


def test_a_token_is_one_printable_word_that_shows_no_secret_in_its_repr() -> None:
    assert TOKEN.to_text().isascii()
    assert len(TOKEN.to_text().split()) == 1
    assert "s3cret" not in repr(TOKEN)


def test_blanks_and_line_breaks_of_a_paste_are_forgiven() -> None:
    text = TOKEN.to_text()
    assert EnrolmentToken.from_text(f"  {text[:20]}\n{text[20:]} ") == TOKEN


@given(st.integers(0, 200), st.sampled_from("ABCabc019-_"))
def test_a_mistyped_token_is_told_from_a_refused_one(place: int, letter: str) -> None:
    text = TOKEN.to_text()
    place = len(PREFIX) + place % (len(text) - len(PREFIX))
    mistyped = text[:place] + letter + text[place + 1 :]
    try:
        read = EnrolmentToken.from_text(mistyped)
    except BadToken:
        return
    assert read == TOKEN  # the letter was the same, or only base64's spare bits changed


@pytest.mark.parametrize("text", ["", "hello", PREFIX, PREFIX + "!!!!", PREFIX + "AAAA", TOKEN.to_text()[:-4]])
def test_what_is_no_token_says_so(text: str) -> None:
    with pytest.raises(BadToken):
        EnrolmentToken.from_text(text)


def test_a_token_that_names_no_https_hub_is_refused() -> None:
    for url in ("http://hub", "https://", "file:///etc/passwd"):
        with pytest.raises(BadToken, match="not name a usable hub"):
            EnrolmentToken.from_text(EnrolmentToken(url, "ab" * 32, Secret("s"), 1, "x").to_text())


def test_an_expired_token_says_whom_to_ask() -> None:
    TOKEN.check_time(1_799_999_999)
    with pytest.raises(ExpiredToken, match="ringfence site token"):
        TOKEN.check_time(1_800_000_000)
