"""TVS's frames: from the layout, byte by byte, and whatever else comes."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.phones.errors import BadTrustFrame
from ringfence.phones.trust import tvs
from ringfence.phones.trust.roles import TrustRole
from ringfence.phones.trust.tvs import TvsStatus, VerifyRequest, VerifyResponse


def test_a_question_is_read_as_the_layout_says() -> None:
    name = b"\x01CP-8841-SEP001122334455"
    body = b"\x01" + len(name).to_bytes(2) + name + b"\x02\x00\x03DER"
    data = bytes.fromhex("57 01 01 00 000003e9") + len(body).to_bytes(2) + body
    asked = VerifyRequest.from_bytes(data)
    assert asked == VerifyRequest(1001, "CP-8841-SEP001122334455", b"DER")
    assert asked.mac == "001122334455"
    assert asked.to_bytes() == data


def test_an_answer_is_as_the_layout_says() -> None:
    valid = VerifyResponse(1001, TvsStatus.VALID, (TrustRole.CCM, TrustRole.TVS), 86400)
    assert valid.to_bytes() == bytes.fromhex("57010200 000003e9 0010 07 0001 00 08 0002 0115 09 0004 00015180")
    assert VerifyResponse.from_bytes(valid.to_bytes()) == valid
    invalid = VerifyResponse(1001, TvsStatus.INVALID)
    assert invalid.to_bytes() == bytes.fromhex("57010200 000003e9 0004 07 0001 01")
    assert VerifyResponse.from_bytes(invalid.to_bytes()) == invalid


def test_a_name_that_is_no_phones_has_no_address() -> None:
    assert VerifyRequest(1, "CP-9971-SEP00112233445", b"x").mac == ""
    assert VerifyRequest(1, "SEP001122334455", b"x").mac == "001122334455"


@given(st.binary(max_size=100) | st.binary(max_size=100).map(lambda body: bytes.fromhex("570101000000000000")
       + bytes([len(body)]) + body) | st.binary(max_size=60).map(lambda body: bytes.fromhex("570102000000000000")
       + bytes([len(body)]) + body))  # fmt: skip
def test_whatever_comes_is_read_or_refused_by_name(data: bytes) -> None:
    for form in (VerifyRequest, VerifyResponse):
        with contextlib.suppress(BadTrustFrame):
            form.from_bytes(data)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("5701010000000001 2001", "announces 8193 bytes"),
        ("5702010000000001 0000", "not TVS"),
        ("5701020000000001 0000", "command 2 instead of"),
        ("5701010000000001 0000", "lacks"),
        ("5701010000000001 0007 010001 01 020000", "lacks"),
    ],
)
def test_what_is_no_question_is_refused_by_name(data: str, why: str) -> None:
    with pytest.raises(BadTrustFrame, match=why):
        VerifyRequest.from_bytes(bytes.fromhex(data))


@pytest.mark.parametrize("ttl_s", [0, tvs.LONGEST_TTL_S + 1])
def test_an_answer_counts_for_a_month_at_most(ttl_s: int) -> None:
    with pytest.raises(ValueError, match="month"):
        VerifyResponse(1, TvsStatus.VALID, (TrustRole.CCM,), ttl_s).to_bytes()
    data = bytes.fromhex("57010200 00000001 000f 07 0001 00 08 0001 01 09 0004") + ttl_s.to_bytes(4)
    with pytest.raises(BadTrustFrame, match="month"):
        VerifyResponse.from_bytes(data)
