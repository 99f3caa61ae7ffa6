"""Parent and worker: messages and descriptors over the pair, events and their suspicions."""

import json
import os
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.content.release import TargetKind
from ringfence.guard.evidence import (
    Announced,
    AskedDhcp,
    Leased,
    OnTheWire,
    Sighting,
)
from ringfence.guard.serving_profile import ServingProfile
from ringfence.server.access.evidence_wait import Heard
from ringfence.server.access.reload_tokens import ReloadToken
from ringfence.server.confinement.steps import Confined
from ringfence.server.errors import ControlBroken
from ringfence.server.events import (
    Banned,
    CatalogueActive,
    DecisionsCounted,
    EventsDropped,
    RecordText,
    RequestRefused,
    TransferFailed,
    TransferFinished,
    WindowChanged,
    WorkerDied,
    WorkerEvent,
    WorkersOwnEvent,
    WorkerStarted,
    printable,
)
from ringfence.server.limits.settings import Limits
from ringfence.server.processes.messages import (
    MOST_DESCRIPTORS,
    Accepted,
    Admit,
    Begin,
    CatalogueEntry,
    CataloguePart,
    Commit,
    EventsTold,
    FromWorker,
    Listen,
    Ready,
    Rejected,
    TakeRules,
    TellWorker,
    ToWorker,
    WorkerSettings,
    decode_from_worker,
    parts_of,
    receive_in_worker,
    send_to_worker,
)
from ringfence.wire import codec

ENTRY = CatalogueEntry("SEP001122334455.cnf.xml", 10, TargetKind.CONFIGURATION, "001122334455")
EVENTS = (
    TransferFinished(1.5, "192.0.2.7", 50000, "a", None, 10, 0.25, 3, 1),
    TransferFailed(2.5, "192.0.2.7", 50000, "a", "001122334455", "silence"),
    RequestRefused(3.5, "192.0.2.7", 50000, "a", "Refused.", 4, "other-mac", RecordText('{"name":"a"}')),
    DecisionsCounted(3.6, "refuse", "L1", 7),
    WindowChanged(3.7, "anna", "w1", "001122334455", "192.0.2.7", used=True),
    Banned(3.8, "192.0.2.7", 9.5, "it guessed"),
    EventsDropped(4.5, 100),
)


@pytest.fixture
def pair() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


@pytest.mark.parametrize(
    "message",
    [
        Listen(1, WorkerSettings("Home office Anna", Limits(sessions=7), asks=True, profile=ServingProfile.INTERNET)),
        TakeRules(1, "anna", "Home office Anna"),
        Begin(2, 7, "anna"),
        CataloguePart(3, (ENTRY,)),
        Commit(4, 1),
        Admit(5, ReloadToken("192.0.2.7", "once", 30)),
        TellWorker(()),
        TellWorker(
            (
                Heard(6, OnTheWire(), may_have_missed=True),
                Heard(
                    7,
                    OnTheWire(
                        (Sighting("001122334455", "lan", 64),),
                        Leased("001122334455", "SEP001122334455"),
                        Announced("cdp", "001122334455", "SEP001122334455", "Cisco IP Phone 9971", "lan"),
                        AskedDhcp("001122334455", "Cisco", (1, 66)),
                    ),
                ),
            )
        ),
    ],
    ids=lambda message: type(message).__name__,
)
def test_what_the_parent_says_arrives(pair: tuple[socket.socket, socket.socket], message: ToWorker) -> None:
    with pair[0] as parent, pair[1] as child:
        send_to_worker(parent, message)
        assert receive_in_worker(child) == (message, [])


def test_descriptors_arrive_as_ones_own(pair: tuple[socket.socket, socket.socket]) -> None:
    with pair[0] as parent, pair[1] as child:
        fd = os.memfd_create("a")
        os.write(fd, b"bytes")
        send_to_worker(parent, CataloguePart(1, (ENTRY,) * MOST_DESCRIPTORS), [fd] * MOST_DESCRIPTORS)
        os.close(fd)
        received = receive_in_worker(child)
        assert received is not None
        assert len(received[1]) == MOST_DESCRIPTORS
        assert os.pread(received[1][-1], 10, 0) == b"bytes"
        assert not os.get_inheritable(received[1][0])
        for mine in received[1]:
            os.close(mine)


def test_the_end_of_the_parent_is_the_end(pair: tuple[socket.socket, socket.socket]) -> None:
    with pair[1] as child:
        pair[0].close()
        assert receive_in_worker(child) is None


@pytest.mark.parametrize(
    "data",
    [
        b"x",
        b"[]",
        b"{}",
        b'{"type":"Begin"}',
        b'{"type":"?","serial":1}',
        b'{"type":"Begin","serial":true,"release":1}',
        b"[" * 5000,
    ],
)
def test_what_is_no_message_is_refused(pair: tuple[socket.socket, socket.socket], data: bytes) -> None:
    with pair[0] as parent, pair[1] as child:
        parent.send(data)
        with pytest.raises(ControlBroken):
            receive_in_worker(child)


@pytest.mark.parametrize(
    "message",
    [
        Ready(Confined(is_another=True, has_landlock=False, has_filter=True)),
        Accepted(3),
        Rejected(4, "why"),
        EventsTold(EVENTS),
    ],
    ids=lambda message: type(message).__name__,
)
def test_what_the_worker_says_arrives(message: FromWorker) -> None:
    assert decode_from_worker(codec.to_json(message)) == message


def told(row: object) -> WorkersOwnEvent:
    message = decode_from_worker(json.dumps({"type": "EventsTold", "events": [row]}).encode())
    assert isinstance(message, EventsTold)
    return message.events[0]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_with_a_missing_or_ill_typed_field_is_refused(event: WorkersOwnEvent) -> None:
    (name, *values) = json.loads(codec.to_json(event))
    assert told([name, *values]) == event
    required = len(values) - len(event.__struct_defaults__)
    for index in range(len(values)):
        bads: tuple[object, ...] = (None, [], {"x": 1}, True)
        for bad in bads:
            if (event.__struct_fields__[index] == "owner" and bad is None) or bad is values[index]:
                continue
            with pytest.raises(ControlBroken):
                told([name, *values[:index], bad, *values[index + 1 :]])
    rows: tuple[object, ...] = ([name, *values[: required - 1]], [name, *values, 1], [], None, {}, name, values)
    for row in rows:
        with pytest.raises(ControlBroken):
            told(row)


def test_a_worker_cannot_announce_its_own_start_or_death() -> None:
    parents_own: tuple[WorkerEvent, ...] = (WorkerStarted(1.0, 1), WorkerDied(1.0, 1, "x"), CatalogueActive(1.0, 1, 1))
    for event in parents_own:
        with pytest.raises(ControlBroken):
            told(json.loads(codec.to_json(event)))


def test_what_a_broken_worker_tells_can_stand_in_a_log_line() -> None:
    shown = told(["TransferFailed", 1, "h\x1b[31m", 1, "a\nb", None, "x" * 5000])
    assert isinstance(shown, TransferFailed)
    assert (shown.peer_host, shown.name, len(shown.reason)) == ("h\\x1b[31m", "a\\x0ab", 1024)
    for record in ("a\nb", "x" * 8193):
        with pytest.raises(ControlBroken, match="broken record"):
            told(["RequestRefused", 1.0, "h", 1, "n", "why", 1, "", record, ""])


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_of_a_worker_are_a_message_or_refused(data: bytes) -> None:
    try:
        decode_from_worker(data)
    except ControlBroken:
        return


@settings(deadline=None)
@given(st.text())
def test_what_is_told_can_stand_in_a_log_line(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    shown.encode()
    assert len(shown) <= 1024


def test_names_with_line_feeds_and_escapes_are_shown_as_such() -> None:
    assert printable("a\nFAKE\x1b[31m\udce9") == "a\\x0aFAKE\\x1b[31m\\xdce9"


def test_a_catalogue_is_cut_by_descriptors_and_by_bytes() -> None:
    assert parts_of([]) == []
    assert parts_of([ENTRY] * 450) == [(0, 200), (200, 400), (400, 450)]
    long = CatalogueEntry("\N{SNOWMAN}" * 120, 1, TargetKind.SHARED, None)
    slices = parts_of([long] * 400)
    assert slices[0][0] == 0
    assert slices[-1][1] == 400
    assert all(stop - start < 200 for start, stop in slices)
