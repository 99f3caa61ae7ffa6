"""What the worker and its supervisor tell: a closed union, as JSON over the control socket.

The parent believes no field of it without a look: the worker parses strangers' packets, so a broken one may say
anything. A name or sentence is always printable; ``at`` is Unix time in seconds; ``site`` is the id of the site that it
is about, empty where there is one alone, or where nobody knows.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from math import isfinite
from operator import attrgetter
from typing import Final, Literal, NewType, get_args

from ringfence.guard.record import LONGEST as LONGEST_RECORD
from ringfence.server.errors import ControlBroken

LONGEST_TEXT = 1024
RecordText = NewType("RecordText", str)
"""A decision with its evidence, as ``guard.record`` writes it; empty where there is none."""
NO_RECORD = RecordText("")
Protocol = Literal["tftp", "http"]
TFTP: Final = "tftp"
HTTP: Final = "http"
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)


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
    MOVED = "moved"
    """The address that it went to has become another machine's."""
    STOPPED = "stopped"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class TransferFinished:
    """A phone has every byte of a file. ``owner`` is a bare MAC address, or None for a shared file.

    ``protocol`` is one of PROTOCOLS, ``level`` what the decision reached by which it began (a phone's own files).
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
    protocol: Protocol = TFTP
    level: str = ""
    decision: RecordText = NO_RECORD
    site: str = ""


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
    protocol: Protocol = TFTP
    site: str = ""


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
    decision: RecordText = NO_RECORD
    site: str = ""


@dataclass(frozen=True, slots=True)
class DecisionsCounted:
    """How many requests met a verdict (``guard.decision.Verdict``) at a level, since the last such event."""

    at: float
    verdict: str
    level: str
    count: int
    site: str = ""


@dataclass(frozen=True, slots=True)
class WindowChanged:
    """A provisioning window belongs to an address now, or is ``used`` up by it; ``site`` and ``window`` are ids."""

    at: float
    site: str
    window: str
    owner: str
    peer_host: str
    used: bool


@dataclass(frozen=True, slots=True)
class Banned:
    """An address is shut out until ``until`` (Unix time): it guessed names, and has proven to be there."""

    at: float
    peer_host: str
    until: float
    reason: str
    site: str = ""


@dataclass(frozen=True, slots=True)
class EventsDropped:
    """More happened than the worker could tell; the transfers themselves were not affected."""

    at: float
    count: int


@dataclass(frozen=True, slots=True)
class WorkerStarted:
    """A worker is ready to serve (told by the supervisor). ``confined`` says in words what holds it."""

    at: float
    pid: int
    confined: str = ""


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
    TransferFinished
    | TransferFailed
    | RequestRefused
    | DecisionsCounted
    | WindowChanged
    | Banned
    | EventsDropped
    | WorkerStarted
    | WorkerDied
    | CatalogueActive
)

Document = dict[str, object]
Row = list[object]
"""An event as JSON's types: its name, then its fields in their order."""

_FIELDS = {kind: attrgetter(*kind.__slots__) for kind in get_args(WorkerEvent)}


def to_row(event: WorkerEvent) -> Row:
    """Return ``event`` as JSON's types."""
    kind = type(event)
    return [kind.__name__, *_FIELDS[kind](event)]


def from_row(row: object) -> WorkerEvent:
    """Return the worker's event that ``row`` is; ControlBroken where a field is missing or ill-typed.

    Events that only the supervisor tells are not read back: a worker can't announce its own death.
    """
    match row:
        case [str(name), *values] if name in _TOLD_BY_A_WORKER:
            kind, readers = _TOLD_BY_A_WORKER[name]
            if len(values) != len(readers):
                raise ControlBroken("the worker told of an event with too many fields or too few", where=name)
            return kind(*[read(value, field) for (field, read), value in zip(readers, values, strict=True)])
        case _:
            raise ControlBroken("the worker told of an unknown event", where=repr(row)[:80])


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
        return _text(self._document.get(name), name)

    def optional_text(self, name: str) -> str | None:
        """Return a string as ``text`` does, or None for null."""
        return _optional_text(self._document.get(name), name)

    def integer(self, name: str) -> int:
        """Return a whole number."""
        return _integer(self._document.get(name), name)

    def items(self, name: str) -> list[object]:
        """Return a list."""
        value = self._document.get(name)
        if not isinstance(value, list):
            raise _ill_typed(name)
        return value


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise _ill_typed(name)
    return printable(value)


def _optional_text(value: object, name: str) -> str | None:
    return None if value is None else _text(value, name)


def _integer(value: object, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _ill_typed(name)
    return value


def _number(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise _ill_typed(name)
    return float(value)


def _record(value: object, name: str) -> RecordText:
    if not isinstance(value, str) or len(value) > LONGEST_RECORD or not value.isprintable():
        raise _ill_typed(name)
    return RecordText(value)


def _flag(value: object, name: str) -> bool:
    if not isinstance(value, bool):
        raise _ill_typed(name)
    return value


def _cause(value: object, name: str) -> Cause:
    try:
        return Cause(_text(value, name))
    except ValueError as fault:
        raise ControlBroken("the worker told of an unknown cause", where=repr(value)[:80]) from fault


def _protocol(value: object, _name: str) -> str:
    if value not in PROTOCOLS:
        raise ControlBroken("the worker told of an unknown protocol", where=repr(value)[:80])
    return str(value)


def _ill_typed(name: str) -> ControlBroken:
    return ControlBroken("a control message lacks a field or has it in another type", where=name)


_Reader = Callable[[object, str], object]
_READERS: Mapping[object, _Reader] = {
    str: _text,
    str | None: _optional_text,
    int: _integer,
    float: _number,
    bool: _flag,
    RecordText: _record,
    Cause: _cause,
    Protocol: _protocol,
}
_WORKERS_OWN = (
    TransferFinished,
    TransferFailed,
    RequestRefused,
    DecisionsCounted,
    WindowChanged,
    Banned,
    EventsDropped,
)
_TOLD_BY_A_WORKER: Mapping[str, tuple[Callable[..., WorkerEvent], tuple[tuple[str, _Reader], ...]]] = {
    kind.__name__: (kind, tuple((field.name, _READERS[field.type]) for field in fields(kind))) for kind in _WORKERS_OWN
}
