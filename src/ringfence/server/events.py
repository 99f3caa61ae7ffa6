"""What the worker and its supervisor report: a closed union, as JSON over the control socket (``wire.codec``).

The parent checks every field: the worker parses strangers' packets, so a worker that was taken over may send anything.
A name or sentence is always printable; ``at`` is Unix time in seconds; ``site`` is the id of the site that the event is
about, empty if there is only one, or if it is not known.
"""

from enum import StrEnum
from typing import Final, Literal, NewType, get_args

from msgspec import Struct
from msgspec.structs import replace

from ringfence.guard.record import LONGEST as LONGEST_RECORD
from ringfence.server.errors import ControlBroken

LONGEST_TEXT = 1024
RecordText = NewType("RecordText", str)
"""A decision with its evidence, as ``guard.record`` writes it; empty if there is none."""
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
    """The peer asked again from the same port."""
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


class TransferFinished(Struct, frozen=True, tag=True, array_like=True, forbid_unknown_fields=True):
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


class TransferFailed(Struct, frozen=True, tag=True, array_like=True, forbid_unknown_fields=True):
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


class RequestRefused(Struct, frozen=True, tag=True, array_like=True, forbid_unknown_fields=True):
    """The guard, a limit or the protocol refused a request; ``count`` like it, since the last such event.

    ``reason`` is a sentence, ``finding`` one word of a short list: the guard's (``guard.decision.Finding``) or the
    worker's own (``refusal_telling.MALFORMED`` and its neighbours).
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


class DecisionsCounted(Struct, frozen=True, tag=True, array_like=True, forbid_unknown_fields=True):
    """How many requests met a verdict (``guard.decision.Verdict``) at a level, since the last such event."""

    at: float
    verdict: str
    level: str
    count: int
    site: str = ""


class WindowChanged(Struct, frozen=True, tag=True, array_like=True, forbid_unknown_fields=True):
    """A provisioning window belongs to an address now, or is ``used`` up by it; ``site`` and ``window`` are ids."""

    at: float
    site: str
    window: str
    owner: str
    peer_host: str
    used: bool


class Banned(Struct, frozen=True, tag=True, array_like=True, forbid_unknown_fields=True):
    """An address is banned until ``until`` (Unix time): it guessed names, and its sender really exists."""

    at: float
    peer_host: str
    until: float
    reason: str
    site: str = ""


class EventsDropped(Struct, frozen=True, tag=True, array_like=True, forbid_unknown_fields=True):
    """More happened than the worker could tell; the transfers themselves were not affected."""

    at: float
    count: int


class WorkerStarted(Struct, frozen=True, tag=True, array_like=True, forbid_unknown_fields=True):
    """A worker is ready to serve (told by the supervisor). ``confined`` says in words what holds it."""

    at: float
    pid: int
    confined: str = ""


class WorkerDied(Struct, frozen=True, tag=True, array_like=True, forbid_unknown_fields=True):
    """A worker ended that should not have (told by the supervisor). ``how`` names the signal or status."""

    at: float
    pid: int
    how: str


class CatalogueActive(Struct, frozen=True, tag=True, array_like=True, forbid_unknown_fields=True):
    """From now on requests see this release (told by the supervisor); also after each restart."""

    at: float
    release: int
    files: int


WorkersOwnEvent = (
    TransferFinished | TransferFailed | RequestRefused | DecisionsCounted | WindowChanged | Banned | EventsDropped
)
"""What a worker tells: it can't announce its own start or death."""
WorkerEvent = WorkersOwnEvent | WorkerStarted | WorkerDied | CatalogueActive


def believable(event: WorkersOwnEvent) -> WorkersOwnEvent:
    """Return a worker's event with every text made safe for a log line.

    Raises:
        ControlBroken: ``guard.record`` did not write the record of the decision.
    """
    changed: dict[str, str] = {}
    for name in event.__struct_fields__:
        value = getattr(event, name)
        if name == "decision":
            if len(value) > LONGEST_RECORD or not value.isprintable():
                raise ControlBroken("the worker reported a decision with a broken record")
        elif isinstance(value, str) and (shown := printable(value)) != value:
            changed[name] = shown
    return replace(event, **changed) if changed else event


def printable(text: str) -> str:
    """Return ``text`` made safe for a log line: control characters and odd bytes escaped, and cut to a limit."""
    shown = text[:LONGEST_TEXT]
    if shown.isprintable():
        return shown
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in shown)[:LONGEST_TEXT]
