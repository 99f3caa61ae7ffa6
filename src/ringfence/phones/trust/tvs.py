"""Frames of TVS, which a phone asks whether a certificate that is not in its list is to be trusted (TCP 2445, TLS).

A frame is ``u8 87, u8 version 1, u8 command, u8 0, u32 session, u16 length`` and elements, each ``u8 tag, u16 length,
value``; integers are big-endian.

Source: PHONES.md 5.9, from usecallmanagernz/daemons (tvsd, tvsc).
"""

import re
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from ringfence.phones.errors import BadTrustFrame
from ringfence.phones.trust import elements
from ringfence.phones.trust.roles import TrustRole

PORT = 2445
HEADER_BYTES = 10
LARGEST_BODY_BYTES = 8 * 1024
MOST_ELEMENTS = 16
MOST_ROLES = 16
LONGEST_TTL_S = 30 * 86_400
"""The most that the known server lets people choose."""
_PROTOCOL, _VERSION, _LONGEST_NAME = 87, 1, 64
_HEADER = struct.Struct(">BBBBIH")
_NAME_LEAD = b"\x01"
"""What the known client has before a device's name; the known server takes any byte."""
_DEVICE = re.compile(r"(?:CP-[0-9A-Z-]{1,24}-)?SEP([0-9A-F]{12})")
"""The known server takes four digits as a model alone; names of certificates have letters too (TRUST.md)."""


_ROLES = frozenset(map(int, TrustRole))


class TvsCommand(IntEnum):
    """What a frame asks or answers."""

    VERIFY_REQUEST = 1
    VERIFY_RESPONSE = 2


class TvsElement(IntEnum):
    """What a frame says, by its tag."""

    DEVICE_NAME = 1
    CERTIFICATE = 2
    STATUS = 7
    ROLES = 8
    TTL = 9


class TvsStatus(IntEnum):
    """What becomes of a certificate."""

    VALID = 0
    INVALID = 1


@dataclass(frozen=True, slots=True)
class VerifyRequest:
    """A phone asks for a certificate in DER; ``device_name`` is as phones name themselves here."""

    session: int
    device_name: str
    certificate: bytes

    @property
    def mac(self) -> str:
        """The bare MAC address in the name; empty where the name is no phone's."""
        found = _DEVICE.fullmatch(self.device_name)
        return found[1] if found is not None else ""

    def to_bytes(self) -> bytes:
        """Return the frame. ValueError."""
        values: dict[int, bytes] = {
            TvsElement.DEVICE_NAME: _NAME_LEAD + self.device_name.encode(),
            TvsElement.CERTIFICATE: self.certificate,
        }
        return _frame(TvsCommand.VERIFY_REQUEST, self.session, values)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read one whole frame. BadTrustFrame."""
        session, found = _read(data, TvsCommand.VERIFY_REQUEST)
        name, certificate = found.get(TvsElement.DEVICE_NAME), found.get(TvsElement.CERTIFICATE)
        if not name or not certificate:
            raise BadTrustFrame("a TVS request lacks the device's name or the certificate")
        return cls(session, elements.text(name[1:], _LONGEST_NAME), certificate)


@dataclass(frozen=True, slots=True)
class VerifyResponse:
    """What a phone is told; ``roles`` and ``ttl_s`` only where the certificate is valid."""

    session: int
    status: TvsStatus
    roles: tuple[TrustRole, ...] = ()
    ttl_s: int = 0

    def to_bytes(self) -> bytes:
        """Return the frame. ValueError."""
        values: dict[int, bytes] = {TvsElement.STATUS: bytes([self.status])}
        if self.status is TvsStatus.VALID:
            if not 0 < self.ttl_s <= LONGEST_TTL_S:
                raise ValueError("a TVS answer counts for a month at most")
            values[TvsElement.ROLES] = bytes(self.roles)
            values[TvsElement.TTL] = self.ttl_s.to_bytes(4)
        return _frame(TvsCommand.VERIFY_RESPONSE, self.session, values)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read one whole frame. BadTrustFrame."""
        session, found = _read(data, TvsCommand.VERIFY_RESPONSE)
        status, roles, ttl = (found.get(tag) for tag in (TvsElement.STATUS, TvsElement.ROLES, TvsElement.TTL))
        if status is None or len(status) != 1 or status[0] not in frozenset(map(int, TvsStatus)):
            raise BadTrustFrame("a TVS answer says neither valid nor invalid")
        if TvsStatus(status[0]) is TvsStatus.INVALID:
            return cls(session, TvsStatus.INVALID)
        if roles is None or ttl is None or len(ttl) != 4:  # noqa: PLR2004 - u32
            raise BadTrustFrame("a TVS answer lacks roles or how long it counts")
        if len(roles) > MOST_ROLES or not _ROLES.issuperset(roles):
            raise BadTrustFrame("a TVS answer names roles that there are not")
        ttl_s = int.from_bytes(ttl)
        if not 0 < ttl_s <= LONGEST_TTL_S:
            raise BadTrustFrame("a TVS answer counts for longer than a month, or not at all")
        return cls(session, TvsStatus.VALID, tuple(TrustRole(role) for role in roles), ttl_s)


def body_bytes(header: bytes) -> int:
    """Return how many bytes follow a header of ``HEADER_BYTES``.

    Raises:
        BadTrustFrame: It is no header, or announces more than ``LARGEST_BODY_BYTES``.
    """
    if len(header) != HEADER_BYTES or header[:2] != bytes([_PROTOCOL, _VERSION]):
        raise BadTrustFrame("this is not TVS")
    length: int = _HEADER.unpack(header)[5]
    if length > LARGEST_BODY_BYTES:
        raise BadTrustFrame(f"a TVS frame announces {length} bytes; {LARGEST_BODY_BYTES} are taken")
    return length


def _frame(command: TvsCommand, session: int, values: dict[int, bytes]) -> bytes:
    body = elements.to_bytes(values)
    if len(body) > LARGEST_BODY_BYTES:
        raise ValueError("a TVS frame is too large")
    return _HEADER.pack(_PROTOCOL, _VERSION, command, 0, session, len(body)) + body


def _read(data: bytes, expected: TvsCommand) -> tuple[int, dict[int, bytes]]:
    length = body_bytes(data[:HEADER_BYTES])
    _protocol, _version, command, _zero, session, _length = _HEADER.unpack_from(data)
    if len(data) != HEADER_BYTES + length:
        raise BadTrustFrame("a TVS frame is cut short, or something follows it")
    if command != expected:
        raise BadTrustFrame(f"a TVS frame has command {command} instead of {expected}")
    return session, elements.from_bytes(data[HEADER_BYTES:], MOST_ELEMENTS)
