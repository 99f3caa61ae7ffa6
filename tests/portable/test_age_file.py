"""The reader of age files: it reads what rage writes, rage reads what the hub writes, and nothing altered passes."""

import pyrage
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.hub import age_passphrase
from ringfence.hub.publishing import bundle_file
from ringfence.portable import primitives
from ringfence.portable.age_file import CHUNK_BYTES, HIGHEST_WORK_FACTOR, AgeFile
from ringfence.portable.age_identity import Identity
from ringfence.portable.errors import BundleRefused, PortableFault, WrongOpener
from ringfence.portable.primitives import Primitives
from ringfence.secret import Secret

BOTH = [primitives.compiled(), primitives.pure()]
MADE = pyrage.x25519.Identity.generate()
IDENTITY = Identity.parse(str(MADE))
PLAIN = bytes(range(256)) * 700  # almost three chunks


def opened(data: bytes, opener: Identity | bytes = IDENTITY, by: Primitives = BOTH[0]) -> AgeFile:
    return AgeFile(lambda offset, size: data[offset : offset + size], len(data), opener, by)


SEALED = pyrage.encrypt(PLAIN, [MADE.to_public()])


@pytest.mark.parametrize("by", BOTH, ids=["compiled", "pure"])
@pytest.mark.parametrize("length", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1])
def test_what_rage_writes_is_read_whole(by: Primitives, length: int) -> None:
    plain = PLAIN[:length]
    age = opened(pyrage.encrypt(plain, [MADE.to_public()]), by=by)
    assert age.length == length
    assert age.read(0, length + 10) == plain


@given(st.integers(0, len(PLAIN) + 10), st.integers(0, len(PLAIN) + 10))
def test_it_is_read_at_any_place(offset: int, size: int) -> None:
    assert opened(SEALED).read(offset, size) == PLAIN[offset : offset + size]


def test_one_of_several_recipients_is_found() -> None:
    other = pyrage.x25519.Identity.generate()
    assert opened(pyrage.encrypt(b"both", [other.to_public(), MADE.to_public()])).read(0, 9) == b"both"


@pytest.mark.parametrize("by", BOTH, ids=["compiled", "pure"])
def test_another_identity_opens_nothing(by: Primitives) -> None:
    other = Identity.parse(str(pyrage.x25519.Identity.generate()))
    with pytest.raises(WrongOpener, match="this identity does not open"):
        opened(SEALED, other, by)


@given(st.integers(0, len(SEALED) - 1), st.integers(0, 7))
def test_no_bit_can_be_turned(byte: int, bit: int) -> None:
    altered = bytearray(SEALED)
    altered[byte] ^= 1 << bit
    with pytest.raises(PortableFault):
        opened(bytes(altered)).read(0, len(PLAIN))


@given(st.integers(0, len(SEALED) - 1))
def test_a_file_that_was_cut_short_shows_it_at_once(length: int) -> None:
    with pytest.raises(PortableFault):
        opened(SEALED[:length])


@given(st.binary(max_size=600))
def test_whatever_comes_behind_the_version_is_refused(rest: bytes) -> None:
    with pytest.raises(PortableFault):
        opened(b"age-encryption.org/v1\n" + rest)


def test_chunks_cant_change_places() -> None:
    head = SEALED.index(b"\n--- ") + 5
    start = SEALED.index(b"\n", head) + 1 + 16
    size = CHUNK_BYTES + 16
    swapped = SEALED[:start] + SEALED[start + size : start + 2 * size] + SEALED[start : start + size]
    age = opened(swapped + SEALED[start + 2 * size :])
    with pytest.raises(BundleRefused, match="damaged"):
        age.read(0, 1)


@pytest.fixture(scope="module")
def wrapped() -> bytes:
    return age_passphrase.sealed(str(MADE).encode(), Secret("correct horse battery"))


@pytest.mark.slow
def test_rage_opens_what_the_hub_wraps_by_a_passphrase(wrapped: bytes) -> None:
    assert pyrage.passphrase.decrypt(wrapped, "correct horse battery") == str(MADE).encode()


@pytest.mark.slow
@pytest.mark.parametrize("by", BOTH, ids=["compiled", "pure"])
def test_the_passphrase_opens_it_and_no_other_does(wrapped: bytes, by: Primitives) -> None:
    assert opened(wrapped, b"correct horse battery", by).read(0, 99) == str(MADE).encode()
    with pytest.raises(WrongOpener, match="the passphrase does not open"):
        opened(wrapped, b"correct horse batterY", by)


@pytest.mark.slow
def test_a_work_factor_that_takes_all_memory_is_refused_before_any_is_taken(wrapped: bytes) -> None:
    factor = str(HIGHEST_WORK_FACTOR + 1).encode()
    with pytest.raises(BundleRefused, match="damaged"):
        opened(wrapped.replace(b" 18\n", b" " + factor + b"\n"), b"correct horse battery")


@pytest.mark.slow
def test_a_locks_passphrase_is_in_none_of_what_is_kept() -> None:
    lock = bundle_file.lock_for_passphrase(Secret("correct horse battery"))
    assert b"correct" not in lock.wrapped_identity
    assert "AGE-SECRET-KEY" not in repr(lock)


@pytest.mark.parametrize("by", BOTH, ids=["compiled", "pure"])
def test_primitives_refuse_what_libraries_refuse(by: Primitives) -> None:
    with pytest.raises(ValueError, match=r"."):
        by.x25519(bytes(31) + b"\x01", bytes(32))
    assert not by.is_signed(b"\xff" * 32, b"\xff" * 64, b"data")
    assert not by.is_signed(b"short", b"short", b"data")
    assert by.open_sealed(bytes(32), bytes(12), b"short") is None


@pytest.mark.parametrize("text", [
    "", "AGE-SECRET-KEY-1", str(MADE)[:-1], str(MADE)[:-1] + ("Q" if str(MADE)[-1] != "Q" else "P"),
    str(MADE).lower().replace("a", "A", 1), str(MADE.to_public()),
], ids=["empty", "its prefix", "cut short", "a wrong letter", "in both cases", "a recipient"])  # fmt: skip
def test_what_is_no_identity_is_none(text: str) -> None:
    with pytest.raises(WrongOpener, match="holds no age identity"):
        Identity.parse(text)


def test_an_identity_is_found_in_what_age_keygen_writes() -> None:
    assert Identity.parse(f"# created: 2026\n# public key: {MADE.to_public()}\n{MADE}\n") == IDENTITY
