"""The signed header in front of a maker's files: how long it is, and what it says (PHONES.md sections 5.1, 5.2, 7.1).

Big-endian throughout: tag (1 byte), length (2 bytes), value; tag 13 is a single byte of padding. The signature is not
verified here: its certificate is not at hand; the phone verifies it. So nothing depends on what this header says, and
fields that nobody here knows are passed over. Headers that we write, and those that phones would check by our keys, are
``phones.trust.header``'s, where every field must be right; the tags are the same.
"""

from dataclasses import dataclass
from enum import IntEnum


class HeaderTag(IntEnum):
    """The fields of a signed header, of an encrypted file's and of a trust list's, by their numbers (PHONES.md 5.1)."""

    VERSION = 1
    HEADER_LENGTH = 2
    SIGNER_INFO = 3
    SIGNER_NAME = 4
    SERIAL_NUMBER = 5
    ISSUER_NAME = 6
    SIGNATURE_INFO = 7
    HASH_ALGORITHM = 8
    SIGNATURE_ALGORITHM_INFO = 9
    SIGNATURE_ALGORITHM = 10
    SIGNATURE_MODULUS = 11
    SIGNATURE = 12
    PADDING = 13
    """A single byte."""
    FILENAME = 14
    TIMESTAMP = 15
    ENCRYPTION_INFO = 16
    ENCRYPTION_IV_INFO = 17
    ENCRYPTION_UNKNOWN_1 = 18
    ENCRYPTION_IV = 19
    ENCRYPTION_PADDING = 20
    ENCRYPTION_KEY_INFO = 21
    ENCRYPTION_UNKNOWN_2 = 22
    ENCRYPTION_KEY_SIZE = 23
    ENCRYPTION_KEY_ALGORITHM = 24
    ENCRYPTION_KEY = 25
    ENCRYPTION_HASH_ALGORITHM = 26
    ENCRYPTION_HASH = 27
    SIGNER_VERSION = 28


_CONTAINERS = frozenset({HeaderTag.SIGNER_INFO, HeaderTag.SIGNATURE_INFO, HeaderTag.SIGNATURE_ALGORITHM_INFO})
_TAG_BYTES = 3
_LONGEST = 8192


@dataclass(frozen=True, slots=True)
class SignedHeader:
    """What a signed header says; ``length`` counts from the file's first byte to the body's."""

    length: int
    version: tuple[int, int]
    signer: str
    file_name: str


def header_length(data: bytes) -> int:
    """Return how long the signed header at the start of ``data`` is, 0 if there is none."""
    if data[:3] != b"\x01\x00\x02" or data[5:8] != b"\x02\x00\x02":
        return 0
    length = int.from_bytes(data[8:10], "big")
    return length if 10 < length <= _LONGEST else 0  # noqa: PLR2004 - the two tags above


def parse_header(data: bytes) -> SignedHeader | None:
    """Return the signed header at the start of ``data``, None if there is none or it is cut off."""
    length = header_length(data)
    if not length or len(data) < length:
        return None
    texts: dict[int, str] = {}
    at = 0
    while at + _TAG_BYTES <= length:
        tag = data[at]
        if tag == HeaderTag.PADDING:
            at += 1
            continue
        size = int.from_bytes(data[at + 1 : at + _TAG_BYTES], "big")
        at += _TAG_BYTES
        if tag in _CONTAINERS:
            continue  # what is in it follows
        if at + size > length:
            return None
        if tag in {HeaderTag.SIGNER_NAME, HeaderTag.FILENAME}:
            texts[tag] = data[at : at + size].rstrip(b"\x00").decode("utf-8", "replace")
        at += size
    return SignedHeader(
        length, (data[3], data[4]), texts.get(HeaderTag.SIGNER_NAME, ""), texts.get(HeaderTag.FILENAME, "")
    )


def body_of(data: bytes) -> bytes:
    """Return ``data`` without its signed header, where it has one."""
    return data[header_length(data) :]
