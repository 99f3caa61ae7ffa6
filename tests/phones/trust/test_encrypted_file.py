"""Encrypted configurations: their layout, openssl opening them, what they are refused for, and their stubs."""

import contextlib
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from ringfence.phones.errors import BadFields, LimitExceeded, RenderFault, UnfitCertificate, WrongKey
from ringfence.phones.trust.encrypted_file import ContentKey, encrypted, fingerprint, read_encrypted, stub
from ringfence.phones.trust.roles import SigningHash
from support.trust_signers import FILES, SIGNED_AT, certificate_for, fixed_key, fixed_signer, name

KEY = bytes(range(16))
CONTENT_KEY = ContentKey(KEY, (FILES / "phone.content-key").read_bytes())
IV = bytes(range(100, 116))
NAME = "SEP001122334455.cnf.xml.enc.sgn"
PHONE = fixed_signer("phone")
CONFIGURATION = b"""<?xml version="1.0" encoding="UTF-8"?>
<device>
  <ipAddressMode>0</ipAddressMode>
  <sipProfile><sipLines><line button="1"><authPassword>secret-of-line</authPassword></line></sipLines></sipProfile>
  <loadInformation>sip9971.9-4-2SR4-1</loadInformation>
  <capfAuthMode>4</capfAuthMode>
  <capfList><capf><phonePort>3804</phonePort><processNodeName>192.0.2.1</processNodeName></capf></capfList>
</device>
"""


def made(body: bytes = CONFIGURATION, digest: SigningHash = SigningHash.SHA1, filename: str = NAME) -> bytes:
    return encrypted(
        body, filename=filename, signed_at=SIGNED_AT, signer=fixed_signer("tftp"), digest=digest,
        content_key=CONTENT_KEY, iv=IV,
    )  # fmt: skip


@pytest.mark.parametrize("digest", list(SigningHash))
def test_the_bytes_are_the_committed_ones(digest: SigningHash) -> None:
    assert made(digest=digest) == (FILES / f"SEP001122334455.{digest.name.lower()}.enc.sgn").read_bytes()


def test_the_layout_field_by_field() -> None:
    data = made()
    filling = 16 - len(CONFIGURATION) % 16
    iv_info = b"\x12\x00\x01\x00" + b"\x13\x00\x10" + IV + b"\x14\x00\x02" + filling.to_bytes(2, "big")
    key_info = b"\x16\x00\x01\x00" + b"\x17\x00\x02\x08\x00" + b"\x18\x00\x01\x01"
    key_info += b"\x19\x01\x00" + CONTENT_KEY.encrypted
    information = (
        b"\x11" + len(iv_info).to_bytes(2, "big") + iv_info + b"\x15" + len(key_info).to_bytes(2, "big") + key_info
    )
    expected = b"\x0e\x00\x20" + NAME.encode() + b"\0" + b"\x0f\x00\x04" + SIGNED_AT.to_bytes(4, "big")
    expected += b"\x10" + len(information).to_bytes(2, "big") + information
    expected += b"\x1a\x00\x01\x01" + b"\x1b\x00\x14"
    assert data.startswith(b"\x01\x00\x02\x02\x00\x02\x00\x02")
    assert expected in data
    after = data.index(expected) + len(expected) + 20
    length = int.from_bytes(data[8:10], "big")
    assert length % 4 == 0
    assert data[after:length] == b"\x0d" * (length - after)
    assert length - after < 4
    assert len(data) - length == len(CONFIGURATION) + filling


@pytest.mark.parametrize("digest", list(SigningHash))
def test_openssl_opens_it_with_the_phone_s_key(digest: SigningHash, tmp_path: Path) -> None:
    read = read_encrypted(made(digest=digest))
    (tmp_path / "key.enc").write_bytes(read.encrypted_key)
    (tmp_path / "body").write_bytes(read.body)
    key = subprocess.run(
        ["openssl", "pkeyutl", "-decrypt", "-inkey", str(FILES / "phone.key"), "-in", str(tmp_path / "key.enc")],
        capture_output=True, check=True,
    ).stdout  # fmt: skip
    assert key == KEY
    clear = subprocess.run(
        ["openssl", "enc", "-d", "-aes-128-cbc", "-nopad", "-K", key.hex(), "-iv", read.iv.hex(), "-in",
         str(tmp_path / "body")],
        capture_output=True, check=True,
    ).stdout  # fmt: skip
    assert clear == CONFIGURATION + b"\r" * read.filled_bytes
    hashed = subprocess.run(
        ["openssl", "dgst", f"-{digest.name.lower()}", "-binary"], input=CONFIGURATION, capture_output=True, check=True
    ).stdout
    assert read.clear_hash == hashed


@pytest.mark.parametrize("digest", list(SigningHash))
def test_openssl_verifies_what_is_signed(digest: SigningHash, tmp_path: Path) -> None:
    header = read_encrypted(made(digest=digest)).header
    (tmp_path / "signature").write_bytes(header.signature)
    (tmp_path / "signed").write_bytes(header.signed_bytes)
    said = subprocess.run(
        ["openssl", "dgst", f"-{digest.name.lower()}", "-prverify", str(FILES / "tftp.key"), "-signature",
         str(tmp_path / "signature"), str(tmp_path / "signed")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert said.stdout.strip() == "Verified OK", said.stderr


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17])
def test_each_length_is_filled_up_and_comes_back(size: int) -> None:
    read = read_encrypted(made(b"x" * size))
    assert read.filled_bytes == 16 - size % 16
    assert len(read.body) % 16 == 0
    assert read.decrypt(PHONE.key) == b"x" * size
    read.header.verify(fixed_signer("tftp").certificate)
    assert read.filename == NAME


@given(st.binary(max_size=2000), st.sampled_from(SigningHash))
def test_whatever_is_encrypted_comes_back(body: bytes, digest: SigningHash) -> None:
    assert read_encrypted(made(body, digest)).decrypt(PHONE.key) == body


def test_another_phone_s_key_opens_nothing() -> None:
    with pytest.raises(WrongKey, match=r"another certificate|hash is not"):
        read_encrypted(made()).decrypt(fixed_signer("other").key)


def test_a_hash_that_is_not_the_content_s_is_noticed() -> None:
    data = bytearray(made())
    data[-20] ^= 1
    with pytest.raises(WrongKey, match="hash is not the one in its header"):
        read_encrypted(bytes(data)).decrypt(PHONE.key)


def test_unchanged_input_is_unchanged_bytes_and_the_clear_text_is_not_in_them() -> None:
    assert made() == made()
    assert b"secret-of-line" not in made()
    assert repr(KEY) not in repr(CONTENT_KEY)


def test_a_content_key_is_for_one_certificate() -> None:
    key = ContentKey.for_certificate(PHONE.certificate, KEY)
    assert key.key == KEY
    data = encrypted(
        b"<device/>", filename=NAME, signed_at=0, signer=fixed_signer("tftp"), digest=SigningHash.SHA1,
        content_key=key, iv=IV,
    )  # fmt: skip
    assert read_encrypted(data).decrypt(PHONE.key) == b"<device/>"
    with pytest.raises(UnfitCertificate, match="elliptic curve can't have files encrypted to it"):
        ContentKey.for_certificate(certificate_for(fixed_key("curve"), name("CURVE")), KEY)
    with pytest.raises(LimitExceeded, match="16 bytes and not 5"):
        ContentKey.for_certificate(PHONE.certificate, b"short")
    with pytest.raises(LimitExceeded, match="makes 3 bytes"):
        ContentKey(KEY, b"cut")
    small = rsa.generate_private_key(65537, 1024)  # noqa: S505 - old phones' size, on purpose
    assert len(ContentKey.for_certificate(certificate_for(small, name("SMALL")), KEY).encrypted) == 128


def test_what_can_t_be_written_is_refused() -> None:
    with pytest.raises(LimitExceeded, match=r"does not end with \.enc\.sgn"):
        made(filename="SEP001122334455.cnf.xml.sgn")
    with pytest.raises(LimitExceeded, match="vector has 16 bytes"):
        encrypted(
            b"", filename=NAME, signed_at=0, signer=fixed_signer("tftp"), digest=SigningHash.SHA1,
            content_key=CONTENT_KEY, iv=b"short",
        )  # fmt: skip


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (made()[:-1], "no multiple of 16"),
        (made()[: -len(CONFIGURATION) - 16 + len(CONFIGURATION) % 16], "0 bytes, no multiple"),
        (made().replace(b"\x14\x00\x02\x00", b"\x14\x00\x02\x01"), "bytes of filling"),
        (made().replace(b"\x17\x00\x02\x08\x00", b"\x17\x00\x02\x04\x00"), "has not its size"),
        (made().replace(b"\x18\x00\x01\x01", b"\x18\x00\x01\x02"), "algorithm is 2"),
        (made().replace(b"\x1a\x00\x01\x01", b"\x1a\x00\x01\x03"), "not as long as its kind"),
        (made().replace(b"\x1a\x00\x01\x01", b"\x1a\x00\x01\x02"), "no phone checks digest 2"),
        (made().replace(b"\x12\x00\x01\x00", b"\x1c\x00\x01\x00"), "unknown 1 .* is missing"),
        ((FILES / "dialplan.sha1.sgn").read_bytes(), "version 1.0 instead of 2.0"),
    ],
)
def test_a_file_that_is_none_is_refused_by_name(data: bytes, complaint: str) -> None:
    with pytest.raises(BadFields, match=complaint):
        read_encrypted(data)


@given(st.integers(0, len(made()) - 1), st.binary(min_size=1, max_size=4))
def test_a_file_with_changed_bytes_is_read_or_refused_and_never_good(at: int, value: bytes) -> None:
    data = bytearray(made())
    data[at : at + len(value)] = value
    if bytes(data) == made():
        return
    with pytest.raises((BadFields, WrongKey)):
        read_encrypted(bytes(data)).header.verify(fixed_signer("tftp").certificate)
    with contextlib.suppress(BadFields, WrongKey):
        read_encrypted(bytes(data)).decrypt(PHONE.key)


def test_the_stub_says_that_there_is_an_encrypted_one_and_keeps_secrets() -> None:
    digest = subprocess.run(
        ["openssl", "dgst", "-md5", "-r"],
        input=PHONE.certificate.public_bytes(Encoding.DER),
        capture_output=True,
        check=True,
    ).stdout.split()[0]
    assert stub(CONFIGURATION, PHONE.certificate).decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        "<device>\n"
        "  <fullConfig>false</fullConfig>\n"
        "  <ipAddressMode>0</ipAddressMode>\n"
        "  <loadInformation>sip9971.9-4-2SR4-1</loadInformation>\n"
        "  <capfAuthMode>4</capfAuthMode>\n"
        "  <capfList>\n"
        "    <capf>\n"
        "      <phonePort>3804</phonePort>\n"
        "      <processNodeName>192.0.2.1</processNodeName>\n"
        "    </capf>\n"
        "  </capfList>\n"
        f"  <certHash>{digest.decode()}</certHash>\n"
        "  <encrConfig>true</encrConfig>\n"
        "</device>\n"
    )
    assert fingerprint(PHONE.certificate) == digest.decode()


def test_a_stub_needs_a_configuration_and_an_rsa_certificate() -> None:
    assert b"capfList" not in stub(b"<device/>", PHONE.certificate)
    with pytest.raises(RenderFault, match="only a <device>"):
        stub(b"<Default/>", PHONE.certificate)
    with pytest.raises(RenderFault, match="not well-formed"):
        stub(b"<device>", PHONE.certificate)
    with pytest.raises(UnfitCertificate, match="elliptic curve"):
        stub(b"<device/>", certificate_for(fixed_key("curve"), name("CURVE")))
