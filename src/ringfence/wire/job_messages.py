"""Jobs: what a hub may ask of an edge, a fixed list, and what the edge tells of each (device API, version 1).

The orders are a part of an edge's state (``StatePart.JOBS``). What the edge's own policy file does not allow it refuses
with a reason, whatever the hub says. As in all messages, a new field has a default.
"""

from dataclasses import dataclass
from enum import StrEnum

from msgspec import Struct

from ringfence.wire.bounds import Whole

MOST_LINES = 1000
LONGEST_FOLLOW_S = 900
LONGEST_CAPTURE_S = 300
LARGEST_CAPTURE_BYTES = 16 << 20
LARGEST_TEXT = 256 << 10
"""How many characters a job's text has at most, all parts together."""
LARGEST_PART_BYTES = 1 << 20
"""How many bytes of a capture are told at once."""
MOST_ORDERS = 50
MOST_REACHED = 8


class JobKind(StrEnum):
    """What can be asked for. An edge refuses a newer hub's word."""

    STATUS = "status"
    LOGS = "logs"
    DIAGNOSE = "diagnose"
    CAPTURE = "capture"
    RESTART = "restart"
    REBOOT = "reboot"
    PHONE_WEB = "phone-web"


class EdgeJobState(StrEnum):
    """How a job is."""

    WAITING = "waiting"
    """For somebody who approves it."""
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    REFUSED = "refused"
    """By the edge, for the reason that it gives."""
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    """Its edge did not take it in time."""
    LOST = "lost"
    """Its edge took it, and has not told what became of it."""


TOLD_BY_EDGES = frozenset({EdgeJobState.RUNNING, EdgeJobState.DONE, EdgeJobState.REFUSED, EdgeJobState.FAILED})


@dataclass(frozen=True, slots=True)
class JobOrder:
    """One job: carried out once, and not begun after ``until``.

    ``lines`` and ``seconds`` are for logs (how many, and for how long new ones are told), ``seconds``, ``most_bytes``
    and ``with_secrets`` for captures, ``reach`` for diagnoses: further places as ``host:port``, such as a PBX. ``mac``,
    ``seconds`` and ``with_changes`` are for a phone's web page (``wire.phone_web_messages``).
    """

    number: str
    kind: str
    until: float
    lines: Whole = 200
    seconds: Whole = 0
    most_bytes: Whole = 0
    with_secrets: bool = False
    reach: tuple[str, ...] = ()
    mac: str = ""
    with_changes: bool = False


class JobOrders(Struct, frozen=True):
    """The orders that an edge has not taken yet and that are not too old."""

    orders: tuple[JobOrder, ...] = ()


@dataclass(frozen=True, slots=True)
class JobNews:
    """What an edge tells of a job: first that it takes it, then what it found, part by part, and how it ended.

    ``attempt`` is the edge's own word for this taking, so that two that hold one edge's key don't both do it. ``part``
    counts from 0; ``text`` and ``data`` come after those of the parts before.
    """

    number: str
    attempt: str
    part: Whole
    state: str
    sentence: str = ""
    text: str = ""
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class JobNewsAnswer:
    """Whether the edge goes on; otherwise the job is over for it, as when somebody cancelled it."""

    goes_on: bool
