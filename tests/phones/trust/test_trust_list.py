"""Trust lists: their layout to the byte, what they are refused for, and what a phone makes of them."""

import contextlib
import datetime as dt
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from ringfence.phones.errors import BadFields, LimitExceeded, UnfitCertificate, WrongKey
from ringfence.phones.trust.roles import SigningHash, TrustRole
from ringfence.phones.trust.trust_list import (
    CTL_NAME,
    ITL_NAME,
    LARGEST_LIST,
    TrustRecord,
    read_trust_list,
    trust_list,
)
from support.trust_signers import BEGAN, FILES, SIGNED_AT, SignerInHand, certificate_for, fixed_key, fixed_signer, name

SAST = fixed_signer("sast")
BACKUP = fixed_signer("other", 0x0A0B)
TFTP = fixed_signer("tftp")
CURVE = certificate_for(
    fixed_key("curve"), name("HTTPS"), issuer=name("SAST"), issued_by=fixed_key("sast"), serial=0x77
)  # fmt: skip
RECORDS = (
    TrustRecord(TrustRole.SAST, SAST.certificate),
    TrustRecord(TrustRole.SAST, BACKUP.certificate),
    TrustRecord(TrustRole.TFTP, TFTP.certificate),
    TrustRecord(TrustRole.TVS, TFTP.certificate),
)


def made(
    records: Sequence[TrustRecord] = RECORDS, filename: str = ITL_NAME, digest: SigningHash = SigningHash.SHA1,
    signer: SignerInHand = SAST, signer_version: tuple[int, int] = (1, 0),
) -> bytes:  # fmt: skip
    return trust_list(
        records, filename=filename, signed_at=SIGNED_AT, signer=signer, digest=digest, signer_version=signer_version
    )


def test_the_bytes_are_the_committed_ones() -> None:
    assert made() == (FILES / "ITLFile.tlv").read_bytes()
    with_curve = (*RECORDS, TrustRecord(TrustRole.TFTP, CURVE))
    newer = made(with_curve, CTL_NAME, SigningHash.SHA512, signer_version=(1, 1))
    assert newer == (FILES / "CTLFile.tlv").read_bytes()


def test_the_layout_of_the_header_field_by_field() -> None:
    data = made()
    subject = b"CN=SAST,OU=Telephony,O=Example\\, Ltd\0"
    signer = b"\x04\x00\x25" + subject + b"\x06\x00\x25" + subject + b"\x05\x00\x02\x01\x02"
    info = b"\x08\x00\x01\x01\x09\x00\x08\x0a\x00\x01\x00\x0b\x00\x01\x02"
    length = int.from_bytes(data[8:10], "big")
    expected = b"\x01\x00\x02\x01\x02\x02\x00\x02" + data[8:10]
    expected += b"\x1c\x00\x02\x01\x00" + b"\x03" + len(signer).to_bytes(2, "big") + signer + b"\x07\x00\x0f" + info
    assert data.startswith(expected + b"\x0c\x01\x00")
    after = b"\x0e\x00\x0cITLFile.tlv\0\x0f\x00\x04" + SIGNED_AT.to_bytes(4, "big")
    rest = data[len(expected) + 3 + 256 : length]
    assert rest == after + b"\x0d" * (len(rest) - len(after))
    assert length % 4 == 0
    assert len(rest) - len(after) < 4


def test_the_layout_of_a_record_field_by_field() -> None:
    data = made()
    at = int.from_bytes(data[8:10], "big")
    certificate = SAST.certificate.public_bytes(Encoding.DER)
    key = SAST.key.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)
    subject = b"CN=SAST,OU=Telephony,O=Example\\, Ltd\0"
    content = b"".join(
        bytes((tag,)) + len(value).to_bytes(2, "big") + value
        for tag, value in (
            (3, subject),
            (5, subject),
            (6, b"\x01\x02"),
            (4, b"\x00\x00"),
            (7, key),
            (8, SAST.certificate.signature),
            (9, certificate),
        )
    )
    assert data[at:].startswith(b"\x01\x00\x02" + (5 + len(content)).to_bytes(2, "big") + content)


@pytest.mark.parametrize("digest", list(SigningHash))
def test_openssl_verifies_what_is_signed(digest: SigningHash, tmp_path: Path) -> None:
    header = read_trust_list(made(digest=digest)).header
    public = SAST.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "public.pem").write_bytes(public)
    (tmp_path / "signature").write_bytes(header.signature)
    (tmp_path / "signed").write_bytes(header.signed_bytes)
    said = subprocess.run(
        ["openssl", "dgst", f"-{digest.name.lower()}", "-verify", "public.pem", "-signature", "signature", "signed"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert said.stdout.strip() == "Verified OK", said.stderr


def test_what_is_written_can_be_read() -> None:
    read = read_trust_list(made((*RECORDS, TrustRecord(TrustRole.TFTP, CURVE)), CTL_NAME, signer_version=(1, 1)))
    assert (read.header.filename, read.header.signed_at, read.signer_version) == (CTL_NAME, SIGNED_AT, (1, 1))
    assert [each.role for each in read.records] == [0, 0, 3, 21, 3]
    assert [each.serial for each in read.records] == [0x0102, 0x0A0B, 0x0102, 0x0102, 0x77]
    assert read.certificates(TrustRole.SAST) == [SAST.certificate, BACKUP.certificate]
    assert read.records[-1].issuer == "CN=SAST,OU=Telephony,O=Example\\, Ltd"
    assert read.records[-1].public_key[0] == 4  # an uncompressed point


def test_what_a_list_makes_a_phone_do() -> None:
    assert read_trust_list(made()).wants_signed_files
    assert not read_trust_list(made()).lets_go
    combined = read_trust_list(made((RECORDS[0], TrustRecord(TrustRole.CCM_AND_TFTP, TFTP.certificate))))
    assert combined.wants_signed_files
    only_tvs = read_trust_list(made((RECORDS[0], RECORDS[3])))
    assert (only_tvs.wants_signed_files, only_tvs.lets_go) == (False, False)
    released = read_trust_list(made(RECORDS[:2]))
    assert (released.wants_signed_files, released.lets_go) == (False, True)


def test_whose_signature_on_a_list_counts() -> None:
    first = read_trust_list(made())
    assert first.verify() == SAST.certificate
    by_backup = read_trust_list(made(signer=BACKUP))
    assert by_backup.verify(first.certificates(TrustRole.SAST)) == BACKUP.certificate
    stranger = fixed_signer("phone", 0x99)
    foreign = read_trust_list(made((TrustRecord(TrustRole.SAST, stranger.certificate),), signer=stranger))
    assert foreign.verify() == stranger.certificate
    with pytest.raises(WrongKey, match="serial number 99"):
        foreign.verify(first.certificates(TrustRole.SAST))
    same_number = fixed_signer("phone", 0x0102)
    forged = read_trust_list(made((TrustRecord(TrustRole.SAST, same_number.certificate),), signer=same_number))
    with pytest.raises(WrongKey, match="not CN=SAST"):
        forged.verify(first.certificates(TrustRole.SAST))
    with pytest.raises(WrongKey, match="no SAST key"):
        first.verify([])


def test_a_list_with_a_changed_record_is_not_good() -> None:
    data = bytearray(made())
    at = data.rindex(b"\x04\x00\x02\x00\x15")  # the last record's role: TVS
    data[at + 4] = TrustRole.CAPF
    with pytest.raises(WrongKey):
        read_trust_list(bytes(data)).verify()


def test_more_than_two_sast_are_refused_and_so_is_a_list_without_its_signer_s() -> None:
    third = TrustRecord(TrustRole.SAST, TFTP.certificate)
    with pytest.raises(LimitExceeded, match="3 SAST records, and phones take 2"):
        made((*RECORDS[:2], third))
    for records in (RECORDS[1:], RECORDS[2:], ()):
        with pytest.raises(UnfitCertificate, match="not in it as SAST"):
            made(records)


def test_a_list_of_more_than_64_kb_is_refused() -> None:
    entries = [RECORDS[0]]
    while len(made(entries)) < LARGEST_LIST - 2000:
        entries.append(RECORDS[3])
    assert len(entries) > 35
    with pytest.raises(LimitExceeded, match="would not load"):
        made((*entries, *[RECORDS[3]] * 2))
    with pytest.raises(BadFields, match="longer than phones load"):
        read_trust_list(made() + bytes(LARGEST_LIST))


@pytest.mark.parametrize("filename", ["ITLSEP001122334455.tlv", "", "ITLFile.tlv.sgn"])
def test_another_name_in_the_header_is_refused(filename: str) -> None:
    with pytest.raises(LimitExceeded, match="the name in a list's header"):
        made(filename=filename)


def test_a_signer_version_that_no_phone_knows_is_refused() -> None:
    with pytest.raises(LimitExceeded, match=r"signer version 2\.0"):
        made(signer_version=(2, 0))


def with_ed25519() -> x509.Certificate:
    return (
        x509.CertificateBuilder()
        .subject_name(name("ED"))
        .issuer_name(name("ED"))
        .public_key(ed25519.Ed25519PrivateKey.generate().public_key())
        .serial_number(5)
        .not_valid_before(BEGAN)
        .not_valid_after(BEGAN + dt.timedelta(days=1))
        .sign(SAST.key, hashes.SHA256())
    )


ONLY_CN = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "only")])


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: certificate_for(TFTP.key, ONLY_CN), "no O and no OU"),
        (lambda: certificate_for(TFTP.key, x509.Name([])), "no CN and no O and no OU"),
        (
            lambda: certificate_for(rsa.generate_private_key(65537, 3072), name("LARGE")),
            "3072 bits can't stand in a trust list",
        ),
        (
            lambda: certificate_for(ec.generate_private_key(ec.SECP256K1()), name("CURVE")),
            "don't know the curve secp256k1",
        ),
        (with_ed25519, "not RSA can't stand"),
    ],
)
def test_certificates_that_phones_would_not_take_are_refused(
    make: Callable[[], x509.Certificate], complaint: str
) -> None:
    with pytest.raises(UnfitCertificate, match=complaint):
        made((*RECORDS, TrustRecord(TrustRole.APP_SERVER, make())), signer_version=(1, 1))


def test_a_curve_is_refused_in_a_list_of_the_first_version_and_as_a_signer_in_any() -> None:
    with pytest.raises(UnfitCertificate, match=r"1\.0 takes no elliptic curve"):
        made((*RECORDS, TrustRecord(TrustRole.TFTP, CURVE)))
    with pytest.raises(UnfitCertificate, match="takes no elliptic curve"):
        made((RECORDS[0], TrustRecord(TrustRole.SAST, CURVE)), signer_version=(1, 1))


def with_records(records: bytes) -> bytes:
    data = made()
    return data[: int.from_bytes(data[8:10], "big")] + records


FIRST_RECORD = made(RECORDS[:1])[int.from_bytes(made(RECORDS[:1])[8:10], "big") :]


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (made().replace(b"\x1c\x00\x02\x01\x00", b"\x1c\x00\x02\x03\x00"), "the signer has version 3.0"),
        (with_records(b"\x02\x00\x02\x00\x09"), "does not begin with its length"),
        (with_records(b"\x01\x00\x02\x00\x05"), "a record says 5 bytes"),
        (with_records(b"\x01\x00\x02\xff\xff"), "a record says 65535 bytes, and 5 are left"),
        (with_records(FIRST_RECORD[:-1]), "bytes, and .* are left"),
        (with_records(b"\x01\x00\x02\x00\x09\x0e\x00\x01x"), "field 14 has no place in a record"),
        (with_records(b"\x01\x00\x02\x00\x0a\x04\x00\x02\x00\x00"), "a record's subject name .* is missing"),
        (with_records(FIRST_RECORD.replace(b"\x06\x00\x02\x01\x02", b"\x06\x00\x02\x01\x03")), "not its certificate's"),
        (with_records(FIRST_RECORD * 3), "3 SAST records"),
        (with_records(FIRST_RECORD[:-900] + bytes(900)), "certificate can't be read|fields|field"),
        (with_records(b"\x01\x00\x02\x00\x09\x02\x00\x01\0" * 65), "is missing"),
    ],
)
def test_a_list_that_is_none_is_refused_by_name(data: bytes, complaint: str) -> None:
    with pytest.raises(BadFields, match=complaint):
        read_trust_list(data)


def test_a_record_without_its_certificate_can_be_read() -> None:
    at = FIRST_RECORD.index(b"\x09", len(FIRST_RECORD) - len(SAST.certificate.public_bytes(Encoding.DER)) - 3)
    bare = bytearray(FIRST_RECORD[:at])
    bare[3:5] = len(bare).to_bytes(2, "big")
    read = read_trust_list(with_records(bytes(bare)))
    assert read.records[0].certificate is None
    assert read.certificates(TrustRole.SAST) == []
    with pytest.raises(WrongKey):
        read.verify()


@given(st.binary(max_size=800))
def test_whatever_records_come_are_read_or_refused(data: bytes) -> None:
    for candidate in (data, with_records(data), with_records(FIRST_RECORD + data)):
        with contextlib.suppress(BadFields):
            read_trust_list(candidate)


@given(st.integers(0, len(made()) - 1), st.binary(min_size=1, max_size=3))
def test_a_list_with_changed_bytes_is_read_or_refused_and_never_good(at: int, value: bytes) -> None:
    data = bytearray(made())
    data[at : at + len(value)] = value
    if bytes(data) == made():
        return
    with pytest.raises((BadFields, WrongKey)):
        read_trust_list(bytes(data)).verify([SAST.certificate, BACKUP.certificate])
