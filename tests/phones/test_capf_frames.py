"""CAPF's frames: from the layout, byte by byte, and whatever else comes."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.phones.errors import BadTrustFrame
from ringfence.phones.trust import capf
from ringfence.phones.trust.capf import CapfCertificateType, CapfCommand, CapfElement, CapfFrame

FRAMES = st.builds(
    CapfFrame,
    st.sampled_from(CapfCommand),
    st.integers(0, 0xFFFFFFFF),
    st.dictionaries(st.sampled_from(CapfElement), st.binary(max_size=600), max_size=capf.MOST_ELEMENTS),
)


def test_the_first_question_is_as_the_layout_says() -> None:
    asked = CapfFrame(CapfCommand.AUTH_REQUEST, 0x01020304, {CapfElement.VERSION: b"\3", CapfElement.AUTH_TYPE: b"\0"})
    assert asked.to_bytes() == bytes.fromhex("55 01 01020304 0008 07 0001 03 08 0001 00")


def test_an_answer_is_read_as_the_layout_says() -> None:
    name = b"SEP001122334455\0"
    certificate = bytes.fromhex("01 0005 00 02") + b"DER"
    body = b"\x0d\x00\x10" + name + b"\x04\x00\x08" + certificate + b"\x0a\x00\x02\x08\x00"
    frame = CapfFrame.from_bytes(bytes.fromhex("55 02 00000007") + len(body).to_bytes(2) + body)
    assert (frame.command, frame.session) == (CapfCommand.AUTH_RESPONSE, 7)
    assert frame.text(CapfElement.DEVICE_NAME, 32) == "SEP001122334455"
    assert frame.certificate() == b"DER"
    assert frame.wide_number(CapfElement.KEY_SIZE) == 2048


def test_a_certificate_goes_out_with_five_bytes_before_it() -> None:
    assert capf.certificate_element(b"DER", CapfCertificateType.LSC) == bytes.fromhex("01 0005 00 01") + b"DER"


@given(FRAMES)
def test_what_was_written_is_read_back(frame: CapfFrame) -> None:
    assert CapfFrame.from_bytes(frame.to_bytes()) == frame


@given(st.binary(max_size=200) | st.builds(lambda frame, at, byte: _changed(frame.to_bytes(), at, byte), FRAMES,
                                            st.integers(0, 200), st.integers(0, 255)))  # fmt: skip
def test_whatever_comes_is_read_or_refused_by_name(data: bytes) -> None:
    try:
        frame = CapfFrame.from_bytes(data)
    except BadTrustFrame:
        return
    for read in (
        frame.certificate,
        lambda: frame.text(CapfElement.DEVICE_NAME, 32),
        lambda: frame.number(CapfElement.REASON),
        lambda: frame.wide_number(CapfElement.KEY_SIZE),
    ):
        with contextlib.suppress(BadTrustFrame):
            read()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not CAPF"),
        (b"GET / HT", "not CAPF"),
        (bytes.fromhex("55 02 00000007 4001"), "announces 16385 bytes"),
        (bytes.fromhex("55 02 00000007 0001"), "cut short"),
        (bytes.fromhex("55 02 00000007 0000 00"), "something follows"),
        (bytes.fromhex("55 63 00000007 0000"), "no command 99"),
        (bytes.fromhex("55 02 00000007 0002 0100"), "cut off before its length"),
        (bytes.fromhex("55 02 00000007 0003 01ffff"), "65535 bytes, and 0 are left"),
        (bytes.fromhex("55 02 00000007 0006 010000 010000"), "comes twice"),
    ],
)
def test_what_is_no_frame_is_refused_by_name(data: bytes, why: str) -> None:
    with pytest.raises(BadTrustFrame, match=why):
        CapfFrame.from_bytes(data)


def test_a_frame_has_a_largest_size_and_number_of_elements() -> None:
    with pytest.raises(ValueError, match="too large"):
        CapfFrame(CapfCommand.AUTH_RESPONSE, 1, {CapfElement.CERTIFICATE: b"x" * capf.LARGEST_BODY_BYTES}).to_bytes()
    many = b"".join(bytes([tag, 0, 0]) for tag in range(capf.MOST_ELEMENTS + 1))
    with pytest.raises(BadTrustFrame, match="more than 24"):
        CapfFrame.from_bytes(bytes.fromhex("55 02 00000007") + len(many).to_bytes(2) + many)


def test_a_name_is_printable_and_short() -> None:
    for value in (b"SEP\x1b[2J\0", b"x" * 40, "SEPé".encode()):
        with pytest.raises(BadTrustFrame, match="name"):
            CapfFrame(CapfCommand.AUTH_RESPONSE, 1, {CapfElement.DEVICE_NAME: value}).text(CapfElement.DEVICE_NAME, 32)


def _changed(data: bytes, at: int, byte: int) -> bytes:
    return data[:at] + bytes([byte]) + data[at + 1 :]
