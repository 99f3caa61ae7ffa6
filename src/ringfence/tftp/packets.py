"""TFTP's packets (RFC 1350 section 5, RFC 2347): a closed union, to and from bytes.

Reading is strict about what a transfer needs and lenient about what phones get wrong: a bad tail of an option list
and bytes after an ACK are overlooked, a short packet is not.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import assert_never

from ringfence.tftp.errors import MalformedPacket, MalformedRequest

Options = tuple[tuple[str, str], ...]
"""Option names in lower case with their values, in the order of the packet, each name once."""

LONGEST_REQUEST_BYTES = 512
"""RFC 2347: the request packet's maximum size, which is also that of an OACK."""
HEADER_BYTES = 4
"""The header before a DATA packet's payload; an ACK is only this header."""
HIGHEST_BLOCK = 0xFFFF


class Opcode(IntEnum):
    """RFC 1350 section 5; OACK is RFC 2347's."""

    RRQ = 1
    WRQ = 2
    DATA = 3
    ACK = 4
    ERROR = 5
    OACK = 6


class ErrorCode(IntEnum):
    """RFC 1350 appendix I; 8 is RFC 2347's."""

    NOT_DEFINED = 0
    FILE_NOT_FOUND = 1
    ACCESS_VIOLATION = 2
    DISK_FULL = 3
    ILLEGAL_OPERATION = 4
    UNKNOWN_TID = 5
    FILE_EXISTS = 6
    NO_SUCH_USER = 7
    OPTION_REFUSED = 8


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """RRQ. ``mode`` is in lower case; bytes of the name that are not UTF-8 become surrogates."""

    filename: str
    mode: str
    options: Options = ()


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """WRQ, with the fields of a ReadRequest."""

    filename: str
    mode: str
    options: Options = ()


@dataclass(frozen=True, slots=True)
class Data:
    """DATA. ``block`` counts modulo 65536."""

    block: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """ACK."""

    block: int


@dataclass(frozen=True, slots=True)
class ErrorPacket:
    """ERROR. ``code`` is any 16-bit number: peers invent some."""

    code: int
    message: str


@dataclass(frozen=True, slots=True)
class OptionAcknowledgement:
    """OACK."""

    options: Options


Packet = ReadRequest | WriteRequest | Data | Acknowledgement | ErrorPacket | OptionAcknowledgement


# What this project says in ERROR packets: fixed texts, so that none can tell a path or a reason to a stranger.
NOT_FOUND = ErrorPacket(ErrorCode.FILE_NOT_FOUND, "File not found")
NO_WRITING = ErrorPacket(ErrorCode.ACCESS_VIOLATION, "Access violation")
ILLEGAL_OPERATION = ErrorPacket(ErrorCode.ILLEGAL_OPERATION, "Illegal TFTP operation")
UNKNOWN_TID = ErrorPacket(ErrorCode.UNKNOWN_TID, "Unknown transfer ID")
OPTION_REFUSED = ErrorPacket(ErrorCode.OPTION_REFUSED, "Option refused")
READ_FAILED = ErrorPacket(ErrorCode.NOT_DEFINED, "The file could not be read")
TOO_SLOW = ErrorPacket(ErrorCode.NOT_DEFINED, "The transfer takes too long")
STOPPING = ErrorPacket(ErrorCode.NOT_DEFINED, "The server is stopping")
TOO_LONG = ErrorPacket(ErrorCode.DISK_FULL, "The file is too long")


def from_bytes(data: bytes) -> Packet:
    """Return the packet that ``data`` is.

    Raises:
        MalformedRequest: It is a broken RRQ or WRQ.
        MalformedPacket: It is anything else that is not a packet.
    """
    match data[:2]:
        case b"\0\x01":
            return ReadRequest(*_request_fields(data))
        case b"\0\x02":
            return WriteRequest(*_request_fields(data))
        case b"\0\x03":
            return Data(_number(data), data[4:])
        case b"\0\x04":
            return Acknowledgement(_number(data))  # bytes after the block number are overlooked
        case b"\0\x05":
            return ErrorPacket(_number(data), _text(data[4:].partition(b"\0")[0]))
        case b"\0\x06":
            return OptionAcknowledgement(_pairs(_fields(data[2:])))
        case _:
            raise MalformedPacket("a datagram has no TFTP opcode", where=f"{len(data)} bytes")


def to_bytes(packet: Packet) -> bytes:
    """Return ``packet`` as it goes on the wire. ValueError for fields that can't: NUL in a text, a number too big."""
    match packet:
        case ReadRequest():
            return _request_bytes(Opcode.RRQ, packet.filename, packet.mode, packet.options)
        case WriteRequest():
            return _request_bytes(Opcode.WRQ, packet.filename, packet.mode, packet.options)
        case Data():
            return _head(Opcode.DATA, packet.block) + packet.payload
        case Acknowledgement():
            return _head(Opcode.ACK, packet.block)
        case ErrorPacket():
            return _head(Opcode.ERROR, packet.code) + _string(packet.message)
        case OptionAcknowledgement():
            return b"\0\x06" + _option_bytes(packet.options)
        case _:
            assert_never(packet)


def _request_bytes(opcode: Opcode, filename: str, mode: str, options: Options) -> bytes:
    return opcode.to_bytes(2, "big") + _string(filename) + _string(mode) + _option_bytes(options)


def _option_bytes(options: Iterable[tuple[str, str]]) -> bytes:
    return b"".join(_string(name) + _string(value) for name, value in options)


def _string(text: str) -> bytes:
    data = text.encode("utf-8", "surrogateescape")
    if b"\0" in data:
        raise ValueError("a text on the wire must not contain a NUL")
    return data + b"\0"


def _head(opcode: Opcode, number: int) -> bytes:
    try:
        return opcode.to_bytes(2, "big") + number.to_bytes(2, "big")
    except OverflowError:
        raise ValueError("a number on the wire must fit into 16 bits") from None


def _number(data: bytes) -> int:
    if len(data) < HEADER_BYTES:
        raise MalformedPacket("a TFTP packet is too short", where=f"{len(data)} bytes")
    return int.from_bytes(data[2:4], "big")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _fields(data: bytes) -> list[str]:
    """Split at the NULs; what comes after the last one is no field."""
    return _text(data).split("\0")[:-1]


def _request_fields(data: bytes) -> tuple[str, str, Options]:
    if len(data) > LONGEST_REQUEST_BYTES:
        raise MalformedRequest("a TFTP request is longer than 512 bytes", where=f"{len(data)} bytes")
    match _fields(data[2:]):
        case [filename, mode] if filename and mode:
            return filename, mode.lower(), ()
        case [filename, mode, *options] if filename and mode:
            return filename, mode.lower(), _pairs(options)
        case _:
            raise MalformedRequest("a TFTP request lacks its file name or mode", where=f"{len(data)} bytes")


def _pairs(fields: list[str]) -> Options:
    """Pair up names and values: the first of a repeated name counts, a name without a value doesn't (RFC 2347)."""
    found: dict[str, str] = {}
    for name, value in zip(fields[::2], fields[1::2], strict=False):
        if name:
            found.setdefault(name.lower(), value)
    return tuple(found.items())
