"""The messages between parent and worker: JSON over a SOCK_SEQPACKET pair, with descriptors (SCM_RIGHTS).

The parent sends ``Listen`` once, then ``TakeRules`` for each site's rules, ``Begin``, ``CataloguePart`` …, ``Commit``
for each catalogue, and ``Admit`` for each order to a phone. It waits after each for ``Accepted`` or ``Rejected``, so
that few descriptors are in transit at a time. The worker sends ``Ready``, these two answers, and ``EventsTold`` when
the socket accepts them. It may ``AskParent`` what the parent observed on the network, for many requests at a time;
``TellWorker`` answers that, and gets no answer.
"""

import array
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from msgspec import Struct

from ringfence.content.release import TargetKind
from ringfence.guard.serving_profile import ServingProfile
from ringfence.server.access.evidence_wait import Heard, Question
from ringfence.server.access.reload_tokens import ReloadToken
from ringfence.server.confinement.steps import Confined
from ringfence.server.errors import ControlBroken
from ringfence.server.events import WorkersOwnEvent, believable
from ringfence.server.limits.settings import DEFAULT_HTTP_LIMITS, DEFAULT_LIMITS, HttpLimits, Limits
from ringfence.wire import codec
from ringfence.wire.errors import BadMessage

T = TypeVar("T")

MOST_DESCRIPTORS = 200
"""In one message; the kernel takes 253 at most (SCM_MAX_FD)."""
LONGEST_MESSAGE_BYTES = 128 * 1024
"""Fits the default send buffer of a socket pair."""
_MOST_NAME_BYTES = 64 * 1024
MOST_QUESTIONS = 32
"""In one message: the answers, of at most some 2,000 bytes each, must fit into one."""
_CUT = socket.MSG_TRUNC | socket.MSG_CTRUNC


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """How a worker serves: everything that it gets besides sockets and files."""

    site: str
    limits: Limits = DEFAULT_LIMITS
    http_limits: HttpLimits = DEFAULT_HTTP_LIMITS
    asks: bool = False
    """Whether the parent answers what it heard on the wire."""
    watches_frames: bool = False
    """Whether the parent watches frames, so that one must have been seen of every request over TFTP."""
    profile: ServingProfile = ServingProfile.LAN


class Listen(Struct, frozen=True, tag=True):
    """Serve on the sockets that come along: TFTP on the UDP ones, HTTP on the TCP ones.

    A netlink socket, if there is one, is for asking which MAC address an address has.
    """

    serial: int
    settings: WorkerSettings


class TakeRules(Struct, frozen=True, tag=True):
    """Judge a site's requests by the rules in the file that comes along (``wire.messages.GuardRules``)."""

    serial: int
    site: str
    name: str


class TakeTlsLine(Struct, frozen=True, tag=True):
    """Serve, over HTTP, the connections that come over the line that comes along (``server.http.tls_line``)."""

    serial: int


class Begin(Struct, frozen=True, tag=True):
    """A site's catalogue follows; ``site`` is empty if there is only one."""

    serial: int
    release: int
    site: str = ""


class CatalogueEntry(Struct, frozen=True, array_like=True):
    """One file of a part; its descriptor has the same place among those that come along."""

    name: str
    length: int
    kind: TargetKind
    owner: str | None
    secret: bool = True
    sealed: bool = False


class CataloguePart(Struct, frozen=True, tag=True):
    """Some of the catalogue's files, with their descriptors."""

    serial: int
    entries: tuple[CatalogueEntry, ...]


class Commit(Struct, frozen=True, tag=True):
    """The catalogue is whole: swap."""

    serial: int
    files: int


class Admit(Struct, frozen=True, tag=True):
    """Confirm an order that a phone is about to ask about."""

    serial: int
    token: ReloadToken


class TellWorker(Struct, frozen=True, tag=True):
    """What the parent heard of the hosts and ports that ``AskParent`` asked about."""

    answers: tuple[Heard, ...]


class Ready(Struct, frozen=True, tag=True):
    """The worker is confined and waits for its sockets."""

    confined: Confined


class Accepted(Struct, frozen=True, tag=True):
    """The message ``serial`` is carried out."""

    serial: int


class Rejected(Struct, frozen=True, tag=True):
    """The message ``serial`` could not be carried out; what was served before goes on."""

    serial: int
    why: str


class EventsTold(Struct, frozen=True, tag=True):
    """Events, oldest first."""

    events: tuple[WorkersOwnEvent, ...]


class AskParent(Struct, frozen=True, tag=True):
    """What did the parent hear of these hosts and ports? MOST_QUESTIONS at most."""

    questions: tuple[Question, ...]


ToWorker = Listen | TakeRules | TakeTlsLine | Begin | CataloguePart | Commit | Admit | TellWorker
FromWorker = Ready | Accepted | Rejected | EventsTold | AskParent

_TO_WORKER: codec.Reader[ToWorker] = codec.Reader(ToWorker, "control")
_FROM_WORKER: codec.Reader[FromWorker] = codec.Reader(FromWorker, "control")


def parts_of(entries: Sequence[CatalogueEntry]) -> list[tuple[int, int]]:
    """Cut ``entries`` into slices (start, stop) that each fit one message."""
    slices: list[tuple[int, int]] = []
    start = size_bytes = 0
    for index, entry in enumerate(entries):
        entry_bytes = len(codec.to_json(entry))
        if index > start and (index - start >= MOST_DESCRIPTORS or size_bytes + entry_bytes > _MOST_NAME_BYTES):
            slices.append((start, index))
            start, size_bytes = index, 0
        size_bytes += entry_bytes
    if start < len(entries):
        slices.append((start, len(entries)))
    return slices


def send_to_worker(channel: socket.socket, message: ToWorker, descriptors: Sequence[int] = ()) -> None:
    """Send ``message`` with ``descriptors``.

    Raises:
        OSError: the worker is gone or does not read.
    """
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    channel.sendmsg([codec.to_json(message)], rights, socket.MSG_NOSIGNAL)


def receive_in_worker(channel: socket.socket) -> tuple[ToWorker, list[int]] | None:
    """Return the next message and the descriptors that came along (now the caller's), or None at the end.

    Raises:
        ControlBroken: the data is not a message; its descriptors are closed.
        BlockingIOError: there is none.
    """
    room = socket.CMSG_SPACE(MOST_DESCRIPTORS * array.array("i").itemsize)
    data, rights, flags, _ = channel.recvmsg(LONGEST_MESSAGE_BYTES, room, socket.MSG_CMSG_CLOEXEC)
    descriptors = _descriptors_of(rights)
    if not data:
        return None
    try:
        return _read(_TO_WORKER, data, is_cut=bool(flags & _CUT)), descriptors
    except ControlBroken:
        for descriptor in descriptors:
            os.close(descriptor)
        raise


def decode_from_worker(data: bytes) -> FromWorker:
    """Return the message that ``data`` is.

    Raises:
        ControlBroken: it is not a message.
    """
    message = _read(_FROM_WORKER, data)
    return EventsTold(tuple(map(believable, message.events))) if isinstance(message, EventsTold) else message


def _read(reader: codec.Reader[T], data: bytes, *, is_cut: bool = False) -> T:
    if is_cut:
        raise ControlBroken("a control message was cut short")
    try:
        return reader.read(data)
    except BadMessage as fault:
        raise ControlBroken(fault.what, where=fault.where) from fault


def _descriptors_of(rights: Sequence[tuple[int, int, bytes]]) -> list[int]:
    found = array.array("i")
    for level, kind, data in rights:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            found.frombytes(data[: len(data) - len(data) % found.itemsize])
    return list(found)
