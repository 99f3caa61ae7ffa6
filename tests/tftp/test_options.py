"""Negotiation: RFC 2347, 2348, 2349, both ends."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.tftp.options import (
    NO_OPTIONS,
    RequestedOptions,
    ServerLimits,
    Terms,
    accept,
    decimal,
    negotiate,
)
from ringfence.tftp.packets import OptionAcknowledgement, Options, to_bytes


def granted(*requested: tuple[str, str], mode: str = "octet", size_bytes: int = 1000) -> Options:
    return negotiate(requested, mode=mode, size_bytes=size_bytes).acknowledged


@pytest.mark.parametrize(
    ("asked", "given_"), [("8", "8"), ("512", "512"), ("65464", "65464"), ("65535", "65464"), ("0512", "512")]
)
def test_rfc_2348_the_block_size_is_granted_or_lowered(asked: str, given_: str) -> None:
    terms = negotiate((("blksize", asked),), mode="octet", size_bytes=1)
    assert terms.acknowledged == (("blksize", given_),)
    assert terms.block_size == int(given_)


@pytest.mark.parametrize("bad", ["", "0", "7", "-1", "+8", " 8", "8 ", "0x200", "abc", "1" * 30, "٨٨٨", "8.0", "1e3"])
@pytest.mark.parametrize("option", ["blksize", "timeout"])
def test_rfc_2347_an_impossible_value_is_left_out(option: str, bad: str) -> None:
    if option == "timeout" and bad == "7":
        return
    assert granted((option, bad)) == ()


@pytest.mark.parametrize("size_bytes", [0, 1, 5_000_000_000])
def test_rfc_2349_tsize_tells_the_exact_size(size_bytes: int) -> None:
    assert granted(("tsize", "0"), size_bytes=size_bytes) == (("tsize", str(size_bytes)),)


def test_rfc_2349_tsize_is_answered_whatever_number_the_request_had() -> None:
    assert granted(("tsize", "77")) == (("tsize", "1000"),)


def test_rfc_2349_tsize_is_left_out_in_netascii_whose_size_on_the_wire_differs() -> None:
    assert granted(("tsize", "0"), mode="netascii") == ()


@pytest.mark.parametrize(
    ("asked", "is_granted"), [("1", True), ("60", True), ("61", False), ("255", False), ("256", False)]
)
def test_rfc_2349_the_timeout_is_echoed_exactly_or_left_out(asked: str, is_granted: bool) -> None:
    assert granted(("timeout", asked)) == ((("timeout", asked),) if is_granted else ())


def test_rfc_2347_unknown_options_are_left_out_and_the_order_is_kept() -> None:
    asked = (("multicast", ""), ("tsize", "0"), ("windowsize", "8"), ("timeout", "3"), ("blksize", "1428"))
    assert granted(*asked) == (("tsize", "1000"), ("windowsize", "8"), ("timeout", "3"), ("blksize", "1428"))


def test_rfc_2347_no_oack_where_nothing_is_granted() -> None:
    assert granted(("multicast", "")) == ()


def test_a_site_may_lower_the_block_size() -> None:
    terms = negotiate((("blksize", "8192"),), mode="octet", size_bytes=1, limits=ServerLimits(largest_block_size=1428))
    assert terms.acknowledged == (("blksize", "1428"),)


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["blksize", "tsize", "timeout", "windowsize", "x"]), st.text(max_size=30), max_size=5
    )
)
def test_any_options_give_an_oack_of_at_most_512_bytes_that_holds_only_what_was_asked(asked: dict[str, str]) -> None:
    terms = negotiate(tuple(asked.items()), mode="octet", size_bytes=2**63)
    assert {name for name, _ in terms.acknowledged} <= asked.keys()
    assert 8 <= terms.block_size <= 65464
    assert len(to_bytes(OptionAcknowledgement(terms.acknowledged))) <= 512


ASKED = RequestedOptions(block_size=1428, transfer_size=True, timeout_s=3)


def test_a_client_takes_over_what_was_granted() -> None:
    acknowledged = (("tsize", "99"), ("blksize", "512"), ("timeout", "3"))
    assert accept(acknowledged, ASKED) == Terms(512, 3, 99, acknowledged=acknowledged)


@pytest.mark.parametrize(
    "acknowledged",
    [
        (("blksize", "1429"),),
        (("blksize", "7"),),
        (("blksize", "x"),),
        (("timeout", "4"),),
        (("tsize", "-1"),),
        (("windowsize", "4"),),
    ],
)
def test_rfc_2347_a_client_refuses_what_it_did_not_ask_for(acknowledged: Options) -> None:
    assert accept(acknowledged, ASKED) is None


def test_rfc_7440_a_window_is_granted_up_to_what_fits_the_limits() -> None:
    for pairs, granted in (
        ((("windowsize", "16"),), 16),
        ((("windowsize", "16"), ("blksize", "1428")), 16),
        ((("windowsize", "65535"),), 64),
        ((("windowsize", "64"), ("blksize", "8192")), 7),
        ((("blksize", "65464"), ("windowsize", "4")), 1),
    ):
        terms = negotiate(pairs, mode="octet", size_bytes=1)
        assert terms.window_size == granted
        assert ("windowsize", str(granted)) in terms.acknowledged
        assert [name for name, _ in terms.acknowledged] == [name for name, _ in pairs]


@pytest.mark.parametrize("value", ["0", "65536", "-1", "x", "", "1e3"])
def test_rfc_7440_an_impossible_window_is_left_out(value: str) -> None:
    assert negotiate((("windowsize", value),), mode="octet", size_bytes=1) == Terms()


def test_rfc_7440_a_client_takes_a_smaller_window_and_no_larger_one() -> None:
    asked = RequestedOptions(window_size=8)
    assert asked.to_pairs() == (("windowsize", "8"),)
    for value, is_fine in (("8", True), ("1", True), ("0", False), ("9", False)):
        assert (accept((("windowsize", value),), asked) is not None) is is_fine


def test_a_plain_request_carries_no_option() -> None:
    assert NO_OPTIONS.to_pairs() == ()
    assert ASKED.to_pairs() == (("blksize", "1428"), ("tsize", "0"), ("timeout", "3"))


@settings(deadline=None)
@given(st.text(max_size=25))
def test_decimal_takes_ascii_digits_and_nothing_else(text: str) -> None:
    value = decimal(text)
    assert value is None or (set(text) <= set("0123456789") and value == int(text))


class AsksForMulticast(RequestedOptions):
    """What a later version might ask for without `accept` knowing what it means."""

    def to_pairs(self) -> Options:
        return (("multicast", "0"),)


def test_an_option_that_has_no_terms_is_refused_though_it_was_asked_for() -> None:
    assert accept((("multicast", "5"),), AsksForMulticast()) is None
