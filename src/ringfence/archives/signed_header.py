"""The signed header in front of a maker's files: how long it is, and what it says (PHONES.md sections 5.1, 5.2, 7.1).

Big-endian throughout: tag (1 byte), length (2 bytes), value; tag 13 is a single byte of padding. The signature is not
verified here: its certificate is not at hand; the phone verifies it.
"""

from dataclasses import dataclass

_VERSION, _HEADER_LENGTH, _SIGNER_NAME, _PADDING, _FILENAME = 1, 2, 4, 13, 14
_CONTAINERS = frozenset({3, 7, 9})
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
        if tag == _PADDING:
            at += 1
            continue
        size = int.from_bytes(data[at + 1 : at + _TAG_BYTES], "big")
        at += _TAG_BYTES
        if tag in _CONTAINERS:
            continue  # what is in it follows
        if at + size > length:
            return None
        if tag in {_SIGNER_NAME, _FILENAME}:
            texts[tag] = data[at : at + size].rstrip(b"\x00").decode("utf-8", "replace")
        at += size
    return SignedHeader(length, (data[3], data[4]), texts.get(_SIGNER_NAME, ""), texts.get(_FILENAME, ""))


def body_of(data: bytes) -> bytes:
    """Return ``data`` without its signed header, where it has one."""
    return data[header_length(data) :]
