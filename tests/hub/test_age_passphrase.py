"""Files that age encrypts with a passphrase open on slow machines too."""

import re
from unittest import mock

import pyrage
import pytest

from ringfence.hub import age_passphrase
from ringfence.secret import Secret

RIGHT, WRONG = Secret("correct horse battery staple"), Secret("correct horse battery stable")
REFUSAL = pyrage.DecryptError("Excessive work parameter for passphrase.\nDecryption would take around 64 seconds.")


@pytest.mark.parametrize("armored", [False, True])
@pytest.mark.parametrize("is_slow", [False, True])
def test_a_passphrase_opens_its_own_however_slow_the_machine_seems(armored: bool, is_slow: bool) -> None:
    data = pyrage.passphrase.encrypt(b"the key" * 500, RIGHT.reveal(), armored=armored)
    slow = mock.Mock(decrypt=mock.Mock(side_effect=REFUSAL))
    with mock.patch.object(pyrage, "passphrase", slow if is_slow else pyrage.passphrase):
        assert age_passphrase.opened(data, RIGHT) == b"the key" * 500
        assert age_passphrase.opened(data, WRONG) is None


@pytest.mark.parametrize("plain", [b"", b"the key", bytes(age_passphrase.LARGEST_BYTES)])
def test_what_is_sealed_here_opens_with_ages_own_library_and_costs_the_same_everywhere(plain: bytes) -> None:
    data = age_passphrase.sealed(plain, RIGHT)
    assert data.split(b"\n")[1].endswith(b" 18")
    assert pyrage.passphrase.decrypt(data, RIGHT.reveal()) == plain
    assert pyrage.passphrase.decrypt(age_passphrase.armoured(data), RIGHT.reveal()) == plain
    assert age_passphrase.opened(age_passphrase.armoured(data), RIGHT) == plain
    assert age_passphrase.opened(data, WRONG) is None


def test_more_than_a_chunk_is_not_sealed() -> None:
    with pytest.raises(ValueError, match="too large"):
        age_passphrase.sealed(bytes(age_passphrase.LARGEST_BYTES + 1), RIGHT)


def test_more_work_than_any_machine_does_is_told_as_such() -> None:
    data = pyrage.passphrase.encrypt(b"the key", RIGHT.reveal())
    costly = re.sub(rb"(-> scrypt \S+) \d+\n", rb"\1 40\n", data)
    assert costly != data
    with pytest.raises(age_passphrase.TooMuchWork, match="too little memory"):
        age_passphrase.opened(costly, RIGHT)


@pytest.mark.parametrize("data", [b"", b"age-encryption.org/v1\n", b"-----BEGIN AGE ENCRYPTED FILE-----\n!\n"])
def test_what_is_no_age_file_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="damaged"):
        age_passphrase.opened(data, RIGHT)
