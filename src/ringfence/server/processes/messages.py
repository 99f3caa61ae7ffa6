"""What parent and worker say to each other: JSON over a SOCK_SEQPACKET pair, descriptors beside it (SCM_RIGHTS).

The parent sends ``Listen`` once, then ``Rule`` for each site's rules, ``Begin``, ``Part`` …, ``Commit`` for each
catalogue and ``Admit`` for each order to a phone, and waits after each for ``Accepted`` or ``Rejected``: so few
descriptors are on their way at a time that no limit of the kernel is met. The worker sends ``Ready``, these two
answers, and ``Told`` (events) when the socket takes them. It may ``Ask`` what the parent heard on the wire; ``Heard``
answers that, and is not answered.
"""

import array
import json
import os
import socket
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from dataclasses import fields as dataclass_fields
from typing import assert_never

from ringfence.content.release import TargetKind
from ringfence.guard.evidence import (
    Announced,
    AskedDhcp,
    Leased,
    OnTheWire,
    Sighting,
)
from ringfence.server.access.reload_tokens import Pass
from ringfence.server.confinement.steps import Confined
from ringfence.server.errors import ControlBroken
from ringfence.server.events import (
    Document,
    Fields,
    WorkerEvent,
    from_row,
    to_row,
)
from ringfence.server.limits.settings import (
    DEFAULT_HTTP_LIMITS,
    DEFAULT_LIMITS,
    HttpLimits,
    Limits,
)

MOST_DESCRIPTORS = 200
"""In one message; the kernel takes 253 at most (SCM_MAX_FD)."""
LONGEST_MESSAGE_BYTES = 128 * 1024
"""Fits the default send buffer of a socket pair."""
_MOST_NAME_BYTES = 64 * 1024
_CUT = socket.MSG_TRUNC | socket.MSG_CTRUNC


@dataclass(frozen=True, slots=True)
class Settings:
    """How a worker serves: everything that it is told besides sockets and files."""

    site: str
    limits: Limits = DEFAULT_LIMITS
    http_limits: HttpLimits = DEFAULT_HTTP_LIMITS
    asks: bool = False
    """Whether the parent answers what it heard on the wire."""
    watches_frames: bool = False
    """Whether the parent watches frames, so that one must have been seen of every request over TFTP."""
    faces_internet: bool = False
    """Whether it is a gateway, for which sites' rules mean more (``guard.rules``)."""


@dataclass(frozen=True, slots=True)
class Listen:
    """Serve on the sockets that come along: TFTP on the UDP ones, HTTP on the TCP ones.

    One of netlink's, where there is one, is for asking whose an address is.
    """

    serial: int
    settings: Settings


@dataclass(frozen=True, slots=True)
class Rule:
    """Judge a site's requests by the rules in the file that comes along (``wire.messages.GuardRules``)."""

    serial: int
    site: str
    name: str


@dataclass(frozen=True, slots=True)
class Begin:
    """A site's catalogue follows; ``site`` is empty where there is one alone."""

    serial: int
    release: int
    site: str = ""


@dataclass(frozen=True, slots=True)
class PartEntry:
    """One file of a part; its descriptor has the same place among those that come along."""

    name: str
    length: int
    kind: TargetKind
    owner: str | None
    secret: bool = True


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the catalogue's files, with their descriptors."""

    serial: int
    entries: tuple[PartEntry, ...]


@dataclass(frozen=True, slots=True)
class Commit:
    """The catalogue is whole: swap."""

    serial: int
    files: int


@dataclass(frozen=True, slots=True)
class Admit:
    """Confirm an order that a phone is about to ask about."""

    serial: int
    pass_: Pass


@dataclass(frozen=True, slots=True)
class Heard:
    """What the parent heard of the host and port that ``Ask`` number ``serial`` asked about."""

    serial: int
    heard: OnTheWire


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker is confined and waits for its sockets."""

    confined: Confined


@dataclass(frozen=True, slots=True)
class Accepted:
    """The message ``serial`` is carried out."""

    serial: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """The message ``serial`` could not be carried out; what was served before goes on."""

    serial: int
    why: str


@dataclass(frozen=True, slots=True)
class Told:
    """Events, oldest first."""

    events: tuple[WorkerEvent, ...]


@dataclass(frozen=True, slots=True)
class Ask:
    """What did the parent hear of this host and port?"""

    serial: int
    host: str
    port: int


ToWorker = Listen | Rule | Begin | Part | Commit | Admit | Heard
FromWorker = Ready | Accepted | Rejected | Told | Ask


def parts_of(entries: Sequence[PartEntry]) -> list[tuple[int, int]]:
    """Cut ``entries`` into slices (start, stop) that each fit one message."""
    slices: list[tuple[int, int]] = []
    start = size_bytes = 0
    for index, entry in enumerate(entries):
        entry_bytes = len(json.dumps(_entry_document(entry)))
        if index > start and (index - start >= MOST_DESCRIPTORS or size_bytes + entry_bytes > _MOST_NAME_BYTES):
            slices.append((start, index))
            start, size_bytes = index, 0
        size_bytes += entry_bytes
    if start < len(entries):
        slices.append((start, len(entries)))
    return slices


def send_to_worker(channel: socket.socket, message: ToWorker, descriptors: Sequence[int] = ()) -> None:
    """Send ``message`` with ``descriptors``. OSError where the worker is gone or does not read."""
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    channel.sendmsg([_encode(_to_worker_document(message))], rights, socket.MSG_NOSIGNAL)


def receive_in_worker(channel: socket.socket) -> tuple[ToWorker, list[int]] | None:
    """Return the next message and the descriptors that came along (now the caller's), or None at the end.

    ControlBroken for what is no message; BlockingIOError where there is none.
    """
    room = socket.CMSG_SPACE(MOST_DESCRIPTORS * array.array("i").itemsize)
    data, rights, flags, _ = channel.recvmsg(LONGEST_MESSAGE_BYTES, room, socket.MSG_CMSG_CLOEXEC)
    descriptors = _descriptors_of(rights)
    if not data:
        return None
    try:
        return _to_worker_from(_decode(data, whole=not flags & _CUT)), descriptors
    except ControlBroken:
        for descriptor in descriptors:
            os.close(descriptor)
        raise


def encode_from_worker(message: FromWorker) -> bytes:
    """Return ``message`` as one datagram."""
    match message:
        case Ready():
            return _encode({"t": "ready", **asdict(message.confined)})
        case Accepted():
            return _encode({"t": "accepted", "serial": message.serial})
        case Rejected():
            return _encode({"t": "rejected", "serial": message.serial, "why": message.why})
        case Ask():
            return _encode({"t": "ask", "serial": message.serial, "host": message.host, "port": message.port})
        case Told():
            return _encode({"t": "told", "events": [to_row(event) for event in message.events]})
        case _:
            assert_never(message)


def decode_from_worker(data: bytes) -> FromWorker:
    """Return the message that ``data`` is; ControlBroken where it is none."""
    document = _decode(data)
    fields = Fields(document)
    match document.get("t"):
        case "ready":
            return Ready(Confined(*(document.get(part.name) is True for part in dataclass_fields(Confined))))
        case "accepted":
            return Accepted(fields.integer("serial"))
        case "rejected":
            return Rejected(fields.integer("serial"), fields.text("why"))
        case "ask":
            return Ask(fields.integer("serial"), fields.text("host"), fields.integer("port"))
        case "told":
            return Told(tuple(from_row(item) for item in fields.items("events")))
        case other:
            raise ControlBroken("an unknown control message", where=repr(other)[:80])


def _to_worker_document(message: ToWorker) -> Document:
    match message:
        case Listen(serial, settings):
            return {
                "t": "listen",
                "serial": serial,
                "site": settings.site,
                "limits": asdict(settings.limits),
                "http_limits": asdict(settings.http_limits),
                "asks": settings.asks,
                "watches_frames": settings.watches_frames,
                "faces_internet": settings.faces_internet,
            }
        case Rule(serial, site, name):
            return {"t": "rule", "serial": serial, "site": site, "name": name}
        case Begin(serial, release, site):
            return {"t": "begin", "serial": serial, "release": release, "site": site}
        case Part(serial, entries):
            return {"t": "part", "serial": serial, "files": [_entry_document(entry) for entry in entries]}
        case Commit(serial, files):
            return {"t": "commit", "serial": serial, "files": files}
        case Admit(serial, pass_):
            return {"t": "admit", "serial": serial, **asdict(pass_)}
        case Heard(serial, heard):
            return {"t": "heard", "serial": serial, **asdict(heard)}
        case _:
            assert_never(message)


def _to_worker_from(document: Document) -> ToWorker:
    fields = Fields(document)
    serial = fields.integer("serial")
    match document.get("t"):
        case "listen":
            return Listen(serial, _settings_from(fields.text("site"), document))
        case "begin":
            return Begin(serial, fields.integer("release"), fields.text("site"))
        case "rule":
            return Rule(serial, fields.text("site"), fields.text("name"))
        case "part":
            return Part(serial, tuple(_entry_from(_object(item)) for item in fields.items("files")))
        case "commit":
            return Commit(serial, fields.integer("files"))
        case "admit":
            return Admit(serial, Pass(fields.text("host"), fields.text("password"), fields.integer("valid_s")))
        case "heard":
            return Heard(serial, _heard_from(document))
        case other:
            raise ControlBroken("an unknown control message", where=repr(other)[:80])


def _settings_from(site: str, document: Document) -> Settings:
    limits, http_limits = (_object(document.get(name)) for name in ("limits", "http_limits"))
    try:
        return Settings(
            site,
            # From our own parent, which made them of these classes.
            Limits(**limits),  # type: ignore[arg-type]
            HttpLimits(**http_limits),  # type: ignore[arg-type]
            asks=document.get("asks") is True,
            watches_frames=document.get("watches_frames") is True,
            faces_internet=document.get("faces_internet") is True,
        )
    except (TypeError, ValueError) as fault:
        raise ControlBroken("the worker's limits have an unknown name") from fault


def _heard_from(document: Document) -> OnTheWire:
    lease, announced, dhcp = (document.get(name) for name in ("lease", "announced", "dhcp"))
    try:
        # From our own parent, which made them of these classes.
        return OnTheWire(
            tuple(Sighting(**_object(item)) for item in Fields(document).items("frames")),  # type: ignore[arg-type]
            None if lease is None else Leased(**_object(lease)),  # type: ignore[arg-type]
            None if announced is None else Announced(**_object(announced)),  # type: ignore[arg-type]
            None if dhcp is None else _dhcp_from(_object(dhcp)),
        )
    except TypeError as fault:
        raise ControlBroken("what was heard on the wire has an unknown name") from fault


def _dhcp_from(document: Document) -> AskedDhcp:
    options = [option for option in Fields(document).items("options") if isinstance(option, int)]
    fields = Fields(document)
    return AskedDhcp(fields.text("mac"), fields.text("vendor_class"), tuple(options))


def _entry_document(entry: PartEntry) -> Document:
    return {"name": entry.name, "length": entry.length, "kind": entry.kind.value, "owner": entry.owner,
            "secret": entry.secret}  # fmt: skip


def _entry_from(document: Document) -> PartEntry:
    fields = Fields(document)
    try:
        kind = TargetKind(fields.text("kind"))
    except ValueError as fault:
        raise ControlBroken("a catalogue names an unknown kind of file") from fault
    return PartEntry(fields.text("name"), fields.integer("length"), kind, fields.optional_text("owner"),
                     document.get("secret") is not False)  # fmt: skip


def _encode(document: Document) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _decode(data: bytes, *, whole: bool = True) -> Document:
    if not whole:
        raise ControlBroken("a control message was cut")
    try:
        return _object(json.loads(data))
    except (ValueError, RecursionError) as fault:
        raise ControlBroken("a control message is no JSON") from fault


def _object(value: object) -> Document:
    if not isinstance(value, dict):
        raise ControlBroken("a control message is no JSON object")
    return value


def _descriptors_of(rights: Sequence[tuple[int, int, bytes]]) -> list[int]:
    found = array.array("i")
    for level, kind, data in rights:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            found.frombytes(data[: len(data) - len(data) % found.itemsize])
    return list(found)
