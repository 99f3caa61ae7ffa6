"""Signed files: their layout to the byte, what they are refused for, and openssl's word on the signature."""

import contextlib
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import Name, NameAttribute
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from ringfence.archives.signed_header import parse_header
from ringfence.phones.errors import BadFields, LimitExceeded, UnfitCertificate, WrongKey
from ringfence.phones.trust.roles import SigningHash
from ringfence.phones.trust.signed_file import LARGEST_BODY, read_signed, signed
from support.trust_signers import FILES, SIGNED_AT, SignerInHand, certificate_for, fixed_key, fixed_signer, name

BODY = b"<DIALTEMPLATE><TEMPLATE MATCH='*' Timeout='5'/></DIALTEMPLATE>\n"


def made(
    body: bytes = BODY, filename: str = "dialplan.xml.sgn", digest: SigningHash = SigningHash.SHA1,
    signer: SignerInHand | None = None, signed_at: int = SIGNED_AT,
) -> bytes:  # fmt: skip
    return signed(body, filename=filename, signed_at=signed_at, signer=signer or fixed_signer("tftp"), digest=digest)


@pytest.mark.parametrize("digest", list(SigningHash))
def test_the_bytes_are_the_committed_ones(digest: SigningHash) -> None:
    assert made(digest=digest) == (FILES / f"dialplan.{digest.name.lower()}.sgn").read_bytes()


def test_the_layout_field_by_field() -> None:
    data = made()
    subject = b"CN=TFTP,OU=Telephony,O=Example\\, Ltd\0"
    serial = b"\x01\x02"
    signer = (
        b"\x04" + len(subject).to_bytes(2, "big") + subject
        + b"\x06" + len(subject).to_bytes(2, "big") + subject
        + b"\x05\x00\x02" + serial
    )  # fmt: skip
    info = b"\x08\x00\x01\x01" + b"\x09\x00\x08" + b"\x0a\x00\x01\x00" + b"\x0b\x00\x01\x02"
    before = b"\x03" + len(signer).to_bytes(2, "big") + signer + b"\x07\x00\x0f" + info
    filename = b"dialplan.xml.sgn\0"
    after = b"\x0e" + len(filename).to_bytes(2, "big") + filename + b"\x0f\x00\x04" + SIGNED_AT.to_bytes(4, "big")
    length = 10 + len(before) + 3 + 256 + len(after)
    padding = b"\x0d" * (-length % 4)
    start = b"\x01\x00\x02\x01\x00" + b"\x02\x00\x02" + (length + len(padding)).to_bytes(2, "big")
    signature_at = len(start + before)
    assert data[:signature_at] == start + before
    assert data[signature_at : signature_at + 3] == b"\x0c\x01\x00"
    assert data[signature_at + 3 + 256 :] == after + padding + BODY
    assert int.from_bytes(data[8:10], "big") % 4 == 0


@pytest.mark.parametrize("length", range(1, 9))
def test_a_header_s_length_is_a_multiple_of_four_whatever_its_name(length: int) -> None:
    data = made(filename="a" * length + ".sgn")
    header = int.from_bytes(data[8:10], "big")
    assert header % 4 == 0
    assert data[header:] == BODY
    assert read_signed(data).filename == "a" * length + ".sgn"


@pytest.mark.parametrize("digest", list(SigningHash))
def test_openssl_verifies_what_is_signed(digest: SigningHash, tmp_path: Path) -> None:
    read = read_signed(made(digest=digest, filename="New_Zealand/g3-tones.xml.sgn"))
    public = fixed_key("tftp").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "public.pem").write_bytes(public)
    (tmp_path / "signature").write_bytes(read.header.signature)
    (tmp_path / "signed").write_bytes(read.signed_bytes)
    said = subprocess.run(
        ["openssl", "dgst", f"-{digest.name.lower()}", "-verify", "public.pem", "-signature", "signature", "signed"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert said.stdout.strip() == "Verified OK", said.stderr


def test_what_is_written_can_be_read() -> None:
    read = read_signed(made(digest=SigningHash.SHA512, filename="Desktops/320x196x4/List.xml.sgn"))
    assert (read.body, read.filename, read.signed_at) == (BODY, "Desktops/320x196x4/List.xml.sgn", SIGNED_AT)
    assert read.header.digest is SigningHash.SHA512
    assert read.header.serial == 0x0102
    assert read.header.signer_name == read.header.issuer_name == "CN=TFTP,OU=Telephony,O=Example\\, Ltd"
    read.verify(fixed_signer("tftp").certificate)


@given(
    st.binary(max_size=2000),
    st.from_regex(r"([A-Za-z0-9_äß-]{1,30}/){0,3}[A-Za-z0-9_ äß-]{1,60}", fullmatch=True),
    st.integers(0, (1 << 32) - 1),
    st.sampled_from(SigningHash),
)
def test_whatever_is_signed_comes_back_and_is_good(body: bytes, path: str, signed_at: int, digest: SigningHash) -> None:
    read = read_signed(made(body, f"{path}.sgn", digest, signed_at=signed_at))
    assert (read.body, read.filename, read.signed_at, read.header.digest) == (body, f"{path}.sgn", signed_at, digest)
    read.verify(fixed_signer("tftp").certificate)


def test_the_reader_of_makers_headers_reads_it_too() -> None:
    header = parse_header(made())
    assert header is not None
    assert (header.version, header.file_name) == ((1, 0), "dialplan.xml.sgn")


def test_the_same_input_is_the_same_bytes_and_another_time_is_not() -> None:
    assert made() == made()
    assert made() != made(signed_at=SIGNED_AT + 1)


def test_a_signature_of_another_key_or_over_other_bytes_is_refused() -> None:
    read = read_signed(made())
    with pytest.raises(WrongKey, match="not CN=OTHER"):
        read.verify(fixed_signer("other").certificate)
    changed = bytearray(made())
    changed[-1] ^= 1
    with pytest.raises(WrongKey, match="over this content"):
        read_signed(bytes(changed)).verify(fixed_signer("tftp").certificate)
    renamed = made().replace(b"dialplan.xml.sgn", b"dialbnak.xml.sgn")
    with pytest.raises(WrongKey):
        read_signed(renamed).verify(fixed_signer("tftp").certificate)
    with pytest.raises(WrongKey, match="no RSA key"):
        read.verify(certificate_for(fixed_key("curve"), name("CURVE")))


@pytest.mark.parametrize(
    ("filename", "complaint"),
    [
        ("dialplan.xml", "does not end with .sgn"),
        ("a" * 252 + ".sgn", "more than 255 bytes"),
        ("/dialplan.xml.sgn", "form in which phones ask"),
        ("../dialplan.xml.sgn", "'..' part"),
        ("dial\0plan.xml.sgn", "control character"),
    ],
)
def test_names_that_no_phone_asks_for_are_refused(filename: str, complaint: str) -> None:
    with pytest.raises(LimitExceeded, match=complaint):
        made(filename=filename)


@pytest.mark.parametrize("signed_at", [-1, 1 << 32])
def test_a_time_that_no_header_holds_is_refused(signed_at: int) -> None:
    with pytest.raises(LimitExceeded, match="32 bits"):
        made(signed_at=signed_at)


def test_a_body_that_is_too_large_is_refused() -> None:
    with pytest.raises(LimitExceeded, match="too large"):
        made(bytes(LARGEST_BODY + 1))


@pytest.mark.parametrize("bits", [1024, 1536, 3072])
def test_which_sizes_of_keys_sign(bits: int) -> None:
    key = rsa.generate_private_key(65537, bits)
    signer = SignerInHand(certificate_for(key, name("SIZE")), key)
    if bits == 1024:
        read_signed(made(signer=signer)).verify(signer.certificate)
        return
    with pytest.raises(UnfitCertificate, match=f"{bits} bits can't sign files"):
        made(signer=signer)


def test_a_curve_signs_no_files() -> None:
    curve = certificate_for(fixed_key("curve"), name("CURVE"))
    with pytest.raises(UnfitCertificate, match="elliptic curve can't sign files"):
        made(signer=replace(fixed_signer("tftp"), certificate=curve))


def test_a_signer_whose_key_is_not_its_certificate_s_is_noticed() -> None:
    small = rsa.generate_private_key(65537, 1024)  # noqa: S505 - old phones' size, on purpose
    with pytest.raises(LimitExceeded, match="128 bytes; its certificate says 256"):
        made(signer=SignerInHand(fixed_signer("tftp").certificate, small))


def test_a_subject_that_is_too_long_is_refused() -> None:
    units = [NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "u" * 60)] * 20
    key = fixed_signer("tftp").key
    with pytest.raises(UnfitCertificate, match="more than 1024 bytes"):
        made(signer=SignerInHand(certificate_for(key, Name(units)), key))


def broken(at: int, value: bytes) -> bytes:
    data = bytearray(made())
    data[at : at + len(value)] = value
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "does not begin with a version"),
        (b"<device/>", "says 30309 bytes, and 6 are left|says"),
        (broken(3, b"\x02"), "version 2.0 instead of 1.0"),
        (broken(8, b"\xff\xfc"), "the header says 65532 bytes"),
        (broken(8, b"\x00\x0a"), "the header says 10 bytes"),
        (broken(8, b"\x01\x00"), "and .* are left"),
        (broken(10, b"\x20"), "signer info.* is missing"),
        (broken(11, b"\xff"), "field 3 says"),
        (made()[:40], "the header says .*the file has 40"),
        (made().replace(b"\x08\x00\x01\x01", b"\x08\x00\x01\x02"), "no phone checks digest 2"),
        (made().replace(b"\x0a\x00\x01\x00", b"\x0a\x00\x01\x07"), "algorithm is 7 instead of RSA"),
        (made().replace(b"\x0b\x00\x01\x02", b"\x0b\x00\x01\x09"), "no key has the size 9"),
        (made().replace(b"\x0b\x00\x01\x02", b"\x0b\x00\x01\x01"), "256 bytes instead of 128"),
        (made().replace(b"plan.xml.sgn\0", b"plan.xml.sgnX"), "does not end with its only NUL"),
        (made().replace(b"plan.xml.sgn\0", b"pl\xffn.xml.sgn\0"), "is not UTF-8"),
        (made().replace(b"\x0f\x00\x04", b"\x1c\x00\x04"), "timestamp .* is missing"),
    ],
)  # fmt: skip
def test_a_file_that_is_none_is_refused_by_name_and_place(data: bytes, complaint: str) -> None:
    with pytest.raises(BadFields, match=complaint):
        read_signed(data)


def test_a_field_that_has_no_place_there_or_comes_twice_is_refused() -> None:
    data = made()
    at = data.index(b"\x0f\x00\x04")
    length = int.from_bytes(data[8:10], "big")
    for extra, complaint in ((b"\x1c\x00\x02\x01\x00\x0d\x0d\x0d", "no place"), (data[at : at + 7] + b"\x0d", "twice")):
        grown = bytearray(data[:at] + extra + data[at:])
        grown[8:10] = (length + len(extra)).to_bytes(2, "big")
        with pytest.raises(BadFields, match=complaint):
            read_signed(bytes(grown))


@given(st.binary(max_size=600))
def test_whatever_bytes_come_are_read_or_refused(data: bytes) -> None:
    for candidate in (data, b"\x01\x00\x02\x01\x00\x02\x00\x02" + data):
        with contextlib.suppress(BadFields):
            read_signed(candidate)


@given(st.integers(0, len(made()) - 1), st.binary(min_size=1, max_size=4))
def test_a_file_with_changed_bytes_is_read_or_refused_and_never_good(at: int, value: bytes) -> None:
    data = broken(at, value)
    if data == made():
        return
    with pytest.raises((BadFields, WrongKey)):
        read_signed(data).verify(fixed_signer("tftp").certificate)
