"""Encrypted profiles: what openssl makes of them and we of openssl's; RFC 8188 by its own examples."""

import contextlib
import gzip
import subprocess
from base64 import urlsafe_b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.phones.errors import BadFields, LimitExceeded, WrongKey
from ringfence.phones.trust.encrypted_profiles import (
    LARGEST_PROFILE,
    http_encrypted,
    open_http_encrypted,
    open_salted,
    salted,
)
from ringfence.secret import Secret

PROFILE = b"<flat-profile><Password_1_>secret-of-line</Password_1_></flat-profile>\n"
PHRASE = Secret("SecretPhrase1234")
SALT = bytes(range(8))


def openssl(*words: str, given: bytes) -> bytes:
    command = ["openssl", "enc", "-aes-256-cbc", "-md", "md5", "-k", PHRASE.reveal(), *words]
    return subprocess.run(command, input=given, capture_output=True, check=True).stdout


def test_openssl_opens_what_we_encrypt() -> None:
    assert gzip.decompress(openssl("-d", given=salted(PROFILE, PHRASE, SALT))) == PROFILE


def test_we_open_what_openssl_encrypts() -> None:
    assert open_salted(openssl("-e", given=gzip.compress(PROFILE)), PHRASE) == PROFILE


def test_with_the_same_salt_openssl_writes_the_same_bytes() -> None:
    made = salted(PROFILE, PHRASE, SALT)
    compressed = openssl("-d", given=made)
    by_openssl = openssl("-e", "-S", SALT.hex(), given=compressed)  # since 3.0 without the salt in front
    assert made.removeprefix(b"Salted__" + SALT) == by_openssl.removeprefix(b"Salted__" + SALT)
    assert made == salted(PROFILE, PHRASE, SALT)
    assert made != salted(PROFILE, PHRASE, bytes(8))


def test_another_phrase_opens_nothing() -> None:
    with pytest.raises(WrongKey):
        open_salted(salted(PROFILE, PHRASE, SALT), Secret("AnotherPhrase1234"))


@pytest.mark.parametrize(
    "phrase", ["", "short", 'Secret"Phrase1234', "Secret Phrase1234", "x" * 65, "Geheimnis-ä-12345"]
)
def test_phrases_that_no_profile_rule_holds_are_refused(phrase: str) -> None:
    with pytest.raises(LimitExceeded, match="16 to 64 letters and digits") as refused:
        salted(PROFILE, Secret(phrase), SALT)
    assert not phrase or phrase not in str(refused.value)


@pytest.mark.parametrize(("profile", "salt"), [(PROFILE, b"four"), (bytes(LARGEST_PROFILE + 1), SALT)])
def test_what_is_too_large_or_has_another_salt_is_refused(profile: bytes, salt: bytes) -> None:
    with pytest.raises(LimitExceeded):
        salted(profile, PHRASE, salt)


@pytest.mark.parametrize(
    ("profile", "material", "salt", "record_size"),
    [
        (bytes(LARGEST_PROFILE + 1), 16, 16, 4096),
        (PROFILE, 15, 16, 4096),
        (PROFILE, 16, 15, 4096),
        (PROFILE, 16, 16, 17),
    ],
)
def test_what_no_encrypted_body_holds_is_refused(profile: bytes, material: int, salt: int, record_size: int) -> None:
    with pytest.raises(LimitExceeded):
        http_encrypted(profile, bytes(material), bytes(salt), record_size)


def test_a_bomb_is_not_blown_up() -> None:
    bomb = openssl("-e", given=gzip.compress(bytes(64 << 20)))
    with pytest.raises(WrongKey, match="larger than one can be"):
        open_salted(bomb, PHRASE)


def decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_rfc_8188_3_1_encryption_of_a_response() -> None:
    material, salt = decoded("yqdlZ-tYemfogSmv7Ws5PQ"), decoded("I1BsxtFttlv3u_Oo94xnmw")
    expected = decoded("I1BsxtFttlv3u_Oo94xnmwAAEAAA-NAVub2qFgBEuQKRapoZu-IxkIva3MEB1PD-ly8Thjg")
    assert http_encrypted(b"I am the walrus", material, salt) == expected
    assert open_http_encrypted(expected, material) == b"I am the walrus"


def test_rfc_8188_3_2_encryption_with_multiple_records() -> None:
    made = decoded("uNCkWiNYzKTnBN9ji3-qWAAAABkCYTHOG8chz_gnvgOqdGYovxyjuqRyJFjEDyoF1Fvkj6hQPdPHI51OEUKEpgz3SsLWIqS_uA")
    assert open_http_encrypted(made, decoded("BO3ZVPxUlnLORbVGMpbT1Q")) == b"I am the walrus"


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 15, 16, 17, 4078, 4079, 4080, 10_000])
@pytest.mark.parametrize("record_size", [18, 25, 4096])
def test_each_length_comes_back_in_records_of_each_size(size: int, record_size: int) -> None:
    made = http_encrypted(b"x" * size, bytes(range(16)), bytes(16), record_size)
    assert open_http_encrypted(made, bytes(range(16))) == b"x" * size


def test_a_content_that_is_cut_off_or_changed_is_refused() -> None:
    made = http_encrypted(PROFILE, bytes(range(16)), bytes(16), 25)
    for broken in (made[:-25], made[: 21 + 25], made[:-1], made[:-1] + bytes((made[-1] ^ 1,))):
        with pytest.raises(WrongKey):
            open_http_encrypted(broken, bytes(range(16)))
    with pytest.raises(WrongKey, match="other keying material"):
        open_http_encrypted(made, bytes(16))


@given(st.binary(max_size=200))
def test_whatever_bytes_come_are_opened_or_refused(data: bytes) -> None:
    for candidate in (data, b"Salted__" + data):
        with contextlib.suppress(BadFields, WrongKey):
            open_salted(candidate, PHRASE)
        with contextlib.suppress(BadFields, WrongKey):
            open_http_encrypted(candidate, bytes(16))
