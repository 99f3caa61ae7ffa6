"""What the worker and its supervisor tell: a closed union, as JSON over the control socket.

The parent believes no field of it without a look: the worker parses strangers' packets, so a broken one may say
anything. A name or sentence is always printable; ``at`` is Unix time in seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from operator import attrgetter
from typing import get_args

from ringfence.server.errors import ControlBroken

LONGEST_TEXT = 1024
TFTP, HTTP = "tftp", "http"
PROTOCOLS = (TFTP, HTTP)


class Cause(StrEnum):
    """Why a transfer failed, for counters; people read its sentence."""

    NO_ANSWER = "no-answer"
    """The peer never acknowledged anything."""
    WENT_SILENT = "went-silent"
    ENDED_BY_PEER = "ended-by-peer"
    RESTARTED = "restarted"
    """The peer asked anew from the same port."""
    UNREACHABLE = "unreachable"
    NETWORK = "network"
    READ_FAILED = "read-failed"
    TOO_SLOW = "too-slow"
    GAVE_WAY = "gave-way"
    """Its peer had not answered yet, and another transfer needed the place."""
    STOPPED = "stopped"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class TransferFinished:
    """A phone has every byte of a file. ``owner`` is a bare MAC address, or None for a shared file.

    ``protocol`` is one of PROTOCOLS.
    """

    at: float
    peer_host: str
    peer_port: int
    name: str
    owner: str | None
    size_bytes: int
    duration_s: float
    release: int
    retransmissions: int
    protocol: str = TFTP


@dataclass(frozen=True, slots=True)
class TransferFailed:
    """A transfer began and did not end well. ``reason`` is a sentence, ``cause`` the class that it belongs to."""

    at: float
    peer_host: str
    peer_port: int
    name: str
    owner: str | None
    reason: str
    cause: Cause = Cause.OTHER
    protocol: str = TFTP


@dataclass(frozen=True, slots=True)
class RequestRefused:
    """The guard, a limit or the protocol refused a request; ``count`` like it, since the last such event.

    ``reason`` is a sentence, ``finding`` one word of a short list: the guard's (``guard.decision.Finding``) or the
    gate's (``gate.MALFORMED`` and its neighbours).
    """

    at: float
    peer_host: str
    peer_port: int
    name: str
    reason: str
    count: int = 1
    finding: str = ""


@dataclass(frozen=True, slots=True)
class EventsDropped:
    """More happened than the worker could tell; the transfers themselves were not affected."""

    at: float
    count: int


@dataclass(frozen=True, slots=True)
class WorkerStarted:
    """A worker is ready to serve (told by the supervisor)."""

    at: float
    pid: int


@dataclass(frozen=True, slots=True)
class WorkerDied:
    """A worker ended that should not have (told by the supervisor). ``how`` names the signal or status."""

    at: float
    pid: int
    how: str


@dataclass(frozen=True, slots=True)
class CatalogueActive:
    """From now on requests see this release (told by the supervisor); also after each restart."""

    at: float
    release: int
    files: int


WorkerEvent = (
    TransferFinished | TransferFailed | RequestRefused | EventsDropped | WorkerStarted | WorkerDied | CatalogueActive
)

Document = dict[str, object]

_FIELDS = {kind: attrgetter(*kind.__slots__) for kind in get_args(WorkerEvent)}


def to_document(event: WorkerEvent) -> Document:
    """Return ``event`` as JSON's types."""
    kind = type(event)
    return dict(zip(kind.__slots__, _FIELDS[kind](event), strict=True), event=kind.__name__)


def from_document(document: Mapping[str, object]) -> WorkerEvent:
    """Return the worker's event that ``document`` is; ControlBroken where a field is missing or ill-typed.

    Events that only the supervisor tells are not read back: a worker can't announce its own death.
    """
    fields = Fields(document)
    match document.get("event"):
        case "TransferFinished":
            return TransferFinished(
                at=fields.number("at"),
                peer_host=fields.text("peer_host"),
                peer_port=fields.integer("peer_port"),
                name=fields.text("name"),
                owner=fields.optional_text("owner"),
                size_bytes=fields.integer("size_bytes"),
                duration_s=fields.number("duration_s"),
                release=fields.integer("release"),
                retransmissions=fields.integer("retransmissions"),
                protocol=_protocol(fields),
            )
        case "TransferFailed":
            return TransferFailed(
                at=fields.number("at"),
                peer_host=fields.text("peer_host"),
                peer_port=fields.integer("peer_port"),
                name=fields.text("name"),
                owner=fields.optional_text("owner"),
                reason=fields.text("reason"),
                cause=_cause(fields.text("cause")),
                protocol=_protocol(fields),
            )
        case "RequestRefused":
            return RequestRefused(
                at=fields.number("at"),
                peer_host=fields.text("peer_host"),
                peer_port=fields.integer("peer_port"),
                name=fields.text("name"),
                reason=fields.text("reason"),
                count=fields.integer("count"),
                finding=fields.text("finding"),
            )
        case "EventsDropped":
            return EventsDropped(at=fields.number("at"), count=fields.integer("count"))
        case other:
            raise ControlBroken("the worker told of an unknown event", where=repr(other)[:80])


def _cause(text: str) -> Cause:
    try:
        return Cause(text)
    except ValueError as fault:
        raise ControlBroken("the worker told of an unknown cause", where=repr(text)[:80]) from fault


def printable(text: str) -> str:
    """Return ``text`` so that it can stand in a log line: control characters and odd bytes as escapes, and not long."""
    shown = text[:LONGEST_TEXT]
    if shown.isprintable():
        return shown
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in shown)[:LONGEST_TEXT]


class Fields:
    """A JSON object's fields, each asked for with its type; ControlBroken where it is another."""

    def __init__(self, document: Mapping[str, object]) -> None:
        self._document = document

    def text(self, name: str) -> str:
        """Return a string, printable and at most LONGEST_TEXT long."""
        value = self._document.get(name)
        if not isinstance(value, str):
            raise _ill_typed(name)
        return printable(value)

    def optional_text(self, name: str) -> str | None:
        """Return a string as ``text`` does, or None for null."""
        return None if self._document.get(name) is None else self.text(name)

    def integer(self, name: str) -> int:
        """Return a whole number."""
        value = self._document.get(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise _ill_typed(name)
        return value

    def number(self, name: str) -> float:
        """Return a finite number."""
        value = self._document.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
            raise _ill_typed(name)
        return float(value)

    def items(self, name: str) -> list[object]:
        """Return a list."""
        value = self._document.get(name)
        if not isinstance(value, list):
            raise _ill_typed(name)
        return value


def _protocol(fields: Fields) -> str:
    protocol = fields.text("protocol")
    if protocol not in PROTOCOLS:
        raise ControlBroken("the worker told of an unknown protocol", where=repr(protocol)[:80])
    return protocol


def _ill_typed(name: str) -> ControlBroken:
    return ControlBroken("a control message lacks a field or has it in another type", where=name)
