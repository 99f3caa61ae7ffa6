"""MAC addresses in every usual notation, one form inside."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.phones.errors import BadMac
from ringfence.phones.mac import Mac


@pytest.mark.parametrize(
    "text",
    [
        "00:1e:f7:ab:cd:0f",
        "00-1E-F7-AB-CD-0F",
        "001e.f7ab.cd0f",
        "001ef7abcd0f",
        "001EF7ABCD0F",
        "00 1e f7 ab cd 0f",
        "001ef7-abcd0f",
        "SEP001EF7ABCD0F",
        "sep001ef7abcd0f",
        "  00:1e:f7:ab:cd:0f \n",
    ],
)
def test_every_usual_notation_is_one_address(text: str) -> None:
    mac = Mac.parse(text)
    assert mac.bare == "001EF7ABCD0F"
    assert str(mac) == "00:1E:F7:AB:CD:0F"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not a MAC address"),
        ("00:11:22:33:44", "not a MAC address"),
        ("00:11:22:33:44:55:66", "not a MAC address"),
        ("00:11-22:33:44:55", "not a MAC address"),
        ("00:11:22:33:44:5g", "not a MAC address"),
        ("\u0660\u0660:11:22:33:44:55", "not a MAC address"),
        ("SEPSEP001122334455", "not a MAC address"),
        ("00:00:00:00:00:00", "all-zero"),
        ("ff:ff:ff:ff:ff:ff", "broadcast"),
        ("01:00:5e:00:00:01", "multicast"),
    ],
)
def test_what_is_no_phones_address_is_refused_with_what_to_do(text: str, says: str) -> None:
    with pytest.raises(BadMac, match=says) as caught:
        Mac.parse(text)
    assert "on the label" in str(caught.value)


@given(st.integers(1, 2**48 - 2).filter(lambda number: not (number >> 40) & 1))
def test_an_address_reads_back_from_each_of_its_forms(number: int) -> None:
    mac = Mac(f"{number:012X}")
    assert Mac.parse(mac.bare) == Mac.parse(str(mac)) == Mac.parse(f"SEP{mac.bare}") == mac


@given(st.text(max_size=30))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    with contextlib.suppress(BadMac):
        assert len(Mac.parse(text).bare) == 12
