"""Identities of age: a secret X25519 key, written in Bech32 (BIP 173; https://age-encryption.org/v1)."""

from dataclasses import dataclass, field

from ringfence.portable.errors import WrongOpener

PREFIX = "age-secret-key-"
_LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECK_LETTERS = 6
_SECRET_BYTES = 32
LARGEST_FILE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Identity:
    """A secret X25519 key of 32 bytes."""

    secret: bytes = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "Identity":
        """Read ``AGE-SECRET-KEY-1…``, alone or as a line of the file that ``age-keygen`` writes.

        Raises:
            WrongOpener: There is none in it.
        """
        for line in text.splitlines():
            if line.strip().lower().startswith(PREFIX):
                secret = _decoded(line.strip())
                if secret is not None:
                    return cls(secret)
        raise WrongOpener("no-identity")


def _decoded(text: str) -> bytes | None:
    """Return the bytes of a Bech32 text with our prefix; None if it is not one."""
    if text not in {text.lower(), text.upper()} or not text.isascii():
        return None
    prefix, _, letters = text.lower().rpartition("1")
    if prefix != PREFIX or any(letter not in _LETTERS for letter in letters):
        return None
    values = [_LETTERS.index(letter) for letter in letters]
    expanded = [ord(letter) >> 5 for letter in prefix] + [0] + [ord(letter) & 31 for letter in prefix]
    if _checksum(expanded + values) != 1:
        return None
    bits = "".join(f"{value:05b}" for value in values[:-_CHECK_LETTERS])
    whole, rest = bits[: len(bits) // 8 * 8], bits[len(bits) // 8 * 8 :]
    if len(whole) != 8 * _SECRET_BYTES or rest.strip("0"):
        return None
    return int(whole, 2).to_bytes(_SECRET_BYTES, "big")


def _checksum(values: list[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, part in enumerate(_GENERATOR):
            if top >> bit & 1:
                check ^= part
    return check
