"""Frames of CAPF, by which a phone shows its certificate and gets, gives or loses a locally issued one (TCP 3804, TLS).

A frame is ``u8 85, u8 command, u32 session, u16 length`` and elements, each ``u8 tag, u16 length, value``; integers are
big-endian. A phone stalls on a frame that does not come in one write.

Source: PHONES.md 5.8, from usecallmanagernz/daemons (capfd, capfc).
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Self

from ringfence.phones.errors import BadTrustFrame
from ringfence.phones.trust import elements

PORT = 3804
VERSION = 3
HEADER_BYTES = 8
LARGEST_BODY_BYTES = 16 * 1024
"""Two certificates with their signatures have 6 KiB where keys have 4096 bits."""
MOST_ELEMENTS = 24
_PROTOCOL = 85
_HEADER = struct.Struct(">BBIH")
_CERTIFICATE = struct.Struct(">BHBB")
_WITH_PREFIX, _RESERVED = 1, 0


class CapfCommand(IntEnum):
    """What a frame asks or answers."""

    AUTH_REQUEST = 1
    AUTH_RESPONSE = 2
    KEY_GENERATE_REQUEST = 3
    KEY_GENERATE_RESPONSE = 4
    ENCRYPT_RESPONSE = 5
    ENCRYPT_REQUEST = 6
    DECRYPT_REQUEST = 7
    DECRYPT_RESPONSE = 8
    STORE_CERTIFICATE_REQUEST = 9
    STORE_CERTIFICATE_RESPONSE = 10
    FETCH_CERTIFICATE_REQUEST = 11
    FETCH_CERTIFICATE_RESPONSE = 12
    DELETE_CERTIFICATE_REQUEST = 13
    DELETE_CERTIFICATE_RESPONSE = 14
    END_SESSION = 15
    RETRY_LATER = 16
    REQUEST_IN_PROGRESS = 17
    STATUS_REQUEST = 18
    STATUS_RESPONSE = 19
    ABORT_REQUEST = 20
    ABORT_RESPONSE = 21
    SIGN_CERTIFICATE_REQUEST = 22
    SIGN_CERTIFICATE_RESPONSE = 23


class CapfElement(IntEnum):
    """What a frame says, by its tag."""

    REASON = 1
    REASON_INFO = 2
    CERTIFICATE_TYPE = 3
    CERTIFICATE = 4
    CERTIFICATE_ID = 5
    SIGNED_DATA = 6
    VERSION = 7
    AUTH_TYPE = 8
    PUBLIC_KEY = 9
    KEY_SIZE = 10
    PASSWORD = 11
    RETRY_DELAY = 12
    DEVICE_NAME = 13
    SUDI_DATA = 16
    KEY_TYPE = 17
    CURVE = 18
    DIGEST_TYPE = 19
    SHA2_SIGNED_DATA = 20


class CapfReason(IntEnum):
    """Why a session ends, or what became of an order."""

    NO_ACTION = 0
    UPDATE_CERTIFICATE = 1
    INVALID_ELEMENT = 7
    UNKNOWN_DEVICE = 9


class CapfAuthType(IntEnum):
    """What a phone is asked to show; a server asks for nothing, and the phone shows what its file names."""

    NONE = 0
    PASSWORD = 1
    NO_PASSWORD = 2
    LSC = 3
    MIC = 4


class CapfCertificateType(IntEnum):
    """Whose certificate it is: issued here, or by the phone's maker."""

    LSC = 1
    MIC = 2


class CapfKeyType(IntEnum):
    """Kinds of keys that a phone can be asked to make."""

    RSA = 0
    EC = 1


_COMMANDS, _TAGS = frozenset(map(int, CapfCommand)), frozenset(map(int, CapfElement))


@dataclass(frozen=True, slots=True)
class CapfFrame:
    """One frame, of either side; ``elements`` are values as they are on the wire, by tag."""

    command: CapfCommand
    session: int
    elements: Mapping[CapfElement, bytes] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """Return the frame as it goes into one write.

        Raises:
            ValueError: It is larger than ``LARGEST_BODY_BYTES``.
        """
        body = elements.to_bytes({int(tag): value for tag, value in self.elements.items()})
        if len(body) > LARGEST_BODY_BYTES:
            raise ValueError("a CAPF frame is too large")
        return _HEADER.pack(_PROTOCOL, self.command, self.session, len(body)) + body

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read one whole frame. Elements of a tag that we do not know are passed over.

        Raises:
            BadTrustFrame: It is none.
        """
        length = body_bytes(data[:HEADER_BYTES])
        _protocol, command, session, _length = _HEADER.unpack_from(data)
        if len(data) != HEADER_BYTES + length:
            raise BadTrustFrame("a CAPF frame is cut short, or something follows it")
        if command not in _COMMANDS:
            raise BadTrustFrame(f"CAPF has no command {command}")
        found = elements.from_bytes(data[HEADER_BYTES:], MOST_ELEMENTS)
        known = {CapfElement(tag): value for tag, value in found.items() if tag in _TAGS}
        return cls(CapfCommand(command), session, known)

    def number(self, tag: CapfElement) -> int | None:
        """Return an element of one byte; None if there is none. BadTrustFrame."""
        value = self.elements.get(tag)
        if value is None:
            return None
        if len(value) != 1:
            raise BadTrustFrame(f"a CAPF element {tag.name} has {len(value)} bytes instead of one")
        return value[0]

    def wide_number(self, tag: CapfElement) -> int | None:
        """Return an element of two bytes; None if there is none. BadTrustFrame."""
        value = self.elements.get(tag)
        if value is None:
            return None
        if len(value) != 2:  # noqa: PLR2004 - u16
            raise BadTrustFrame(f"a CAPF element {tag.name} has {len(value)} bytes instead of two")
        return int.from_bytes(value)

    def text(self, tag: CapfElement, most: int) -> str | None:
        """Return a text, which ends with a NUL that is not part of it; None if there is none. BadTrustFrame."""
        value = self.elements.get(tag)
        return None if value is None else elements.text(value.removesuffix(b"\0"), most)

    def certificate(self) -> bytes | None:
        """Return a certificate in DER; None if there is none. BadTrustFrame.

        The five bytes before it are passed over, as the known server and client do: their values in what phones send
        were not seen by us.
        """
        value = self.elements.get(CapfElement.CERTIFICATE)
        if value is None:
            return None
        if len(value) <= _CERTIFICATE.size:
            raise BadTrustFrame("a CAPF certificate is cut short")
        return value[_CERTIFICATE.size :]


def body_bytes(header: bytes) -> int:
    """Return how many bytes follow a header of ``HEADER_BYTES``.

    Raises:
        BadTrustFrame: It is no header, or announces more than ``LARGEST_BODY_BYTES``.
    """
    if len(header) != HEADER_BYTES or header[0] != _PROTOCOL:
        raise BadTrustFrame("this is not CAPF")
    length: int = _HEADER.unpack(header)[3]
    if length > LARGEST_BODY_BYTES:
        raise BadTrustFrame(f"a CAPF frame announces {length} bytes; {LARGEST_BODY_BYTES} are taken")
    return length


def certificate_element(der: bytes, kind: CapfCertificateType) -> bytes:
    """Return a certificate as an element's value."""
    return _CERTIFICATE.pack(_WITH_PREFIX, len(der) + 2, _RESERVED, kind) + der


def text_element(text: str) -> bytes:
    """Return a text as an element's value: its length includes the NUL."""
    return text.encode() + b"\0"
