"""The serving worker, which the launcher (``launcher.py``) forks.

It gets one descriptor, its end of the control pair, and receives the listening sockets and the files' descriptors over
it. It has no path and no key, and ends when the other end of the pair closes, however its supervisor ended.
"""

# ruff: noqa: E402 - the first statement must run before the imports
from ringfence.left_out import HASHES, TYPING, leave_out

# hashlib comes along with the content package; with this it uses CPython's own digests, so that the process which
# parses strangers' packets has no libcrypto in it, and is four megabytes smaller. It computes no digest at all.
leave_out(HASHES, TYPING)

import contextlib
import os
import select
import socket
import sys
import time
from collections import deque
from collections.abc import Sequence

from ringfence.errors import RingfenceError
from ringfence.guard.rules import read_rules
from ringfence.guard.serving_profile import ServingProfile
from ringfence.server.access.admission import Admission
from ringfence.server.access.evidence_wait import Question
from ringfence.server.access.neighbours import Links
from ringfence.server.confinement.allowed_calls import WORKER
from ringfence.server.confinement.steps import Confined, seal
from ringfence.server.errors import ConfinementFailed, ControlBroken
from ringfence.server.events import EventsDropped, WorkersOwnEvent
from ringfence.server.files.catalogue import Catalogue, Offer
from ringfence.server.http.front import HttpFront
from ringfence.server.io.loop import Loop
from ringfence.server.io.memory import AfterRush, quieten_collector
from ringfence.server.limits.settings import MOST_OF_A_SHARE, SourceShares
from ringfence.server.processes.messages import (
    LONGEST_MESSAGE_BYTES,
    MOST_QUESTIONS,
    Accepted,
    Admit,
    AskParent,
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
    TakeTlsLine,
    TellWorker,
    ToWorker,
    WorkerSettings,
    receive_in_worker,
)
from ringfence.server.tftp.engine import Engine
from ringfence.wire import codec
from ringfence.wire.messages import GuardRules, GuardShares

MOST_EVENTS_WAITING = 10_000
MESSAGES_PER_TURN = 64
EVENTS_PER_MESSAGE = 50
TELL_AFTER_S = 0.02
MOST_RULES_BYTES = 4 * 1024 * 1024
CONFINEMENT_FAILED = 78
"""The exit status where the worker would have had to serve with too much in its hands; 78 is EX_CONFIG."""


class Outbox:
    """What waits for the parent: answers, which must arrive, and events, of which the newest are dropped."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._answers: deque[FromWorker] = deque()
        self._events: deque[WorkersOwnEvent] = deque()
        self._dropped = 0
        self._unsent: bytes | None = None

    def answer(self, message: FromWorker) -> None:
        """Queue an answer, ahead of the events."""
        self._answers.append(message)

    def tell(self, event: WorkersOwnEvent) -> None:
        """Queue an event, or count it as dropped."""
        if len(self._events) < MOST_EVENTS_WAITING:
            self._events.append(event)
        else:
            self._dropped += 1

    def flush(self) -> bool:
        """Send what the socket takes; return whether something is left."""
        while (data := self._unsent or self._next()) is not None:
            try:
                self._channel.send(data, socket.MSG_NOSIGNAL)
            except BlockingIOError:
                self._unsent = data
                return True
            self._unsent = None
        return False

    def _next(self) -> bytes | None:
        if self._answers:
            return codec.to_json(self._answers.popleft())
        if self._dropped and not self._events:
            dropped, self._dropped = self._dropped, 0
            return codec.to_json(EventsTold((EventsDropped(time.time(), dropped),)))
        if not self._events:
            return None
        count = min(len(self._events), EVENTS_PER_MESSAGE)
        told = codec.to_json(EventsTold(tuple(self._events[index] for index in range(count))))
        while len(told) > LONGEST_MESSAGE_BYTES:
            count //= 2
            told = codec.to_json(EventsTold(tuple(self._events[index] for index in range(count))))
        for _ in range(count):
            self._events.popleft()
        return told


class Worker:
    """The engine and the control socket."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._outbox = Outbox(channel)
        self._loop = Loop()
        self._admission: Admission | None = None
        self._engine: Engine | None = None
        self._http: HttpFront | None = None
        self._settings = WorkerSettings("")
        self._release: int | None = None
        self._site = ""
        self._offers: list[Offer] = []
        self._listeners: list[socket.socket] = []
        self._served_on: list[socket.socket] = []
        self._is_over = False
        self._waits_for_room = False
        self._will_flush = False
        self._after_rush = AfterRush()
        self._questions: list[Question] = []

    def run(self, confined: Confined) -> None:
        """Serve until the control socket closes."""
        self._outbox.answer(Ready(confined))
        self._outbox.flush()
        self._channel.setblocking(True)
        self._on_control(0, 0.0)  # the first message is Listen, and makes the engine
        self._channel.setblocking(False)
        if self._engine is None or self._http is None:
            return
        self._loop.attach(self._channel.fileno(), select.EPOLLIN, self._on_control)
        quieten_collector()
        self._flush()
        self._on_second(time.monotonic())
        while not self._is_over:
            self._loop.turn()
        self._engine.close()
        self._http.close()

    def _on_second(self, now: float) -> None:
        if self._admission is not None and self._engine is not None and self._http is not None:
            self._admission.flush()
            self._engine.tidy(now)
            self._after_rush.look(self._admission.requests, self._engine.session_count + self._http.connection_count)
        self._loop.call_at(now + 1.0, self._on_second)

    def _tell(self, event: WorkersOwnEvent) -> None:
        """Queue an event and send it soon, with its neighbours: each message wakes the parent."""
        self._outbox.tell(event)
        if not self._will_flush:
            self._will_flush = True
            self._loop.call_at(time.monotonic() + TELL_AFTER_S, self._on_flush_due)

    def _on_flush_due(self, _now: float) -> None:
        self._will_flush = False
        self._flush()

    def _flush(self) -> None:
        try:
            is_left = self._outbox.flush()
        except OSError:
            self._is_over = True  # the parent is gone
            return
        if is_left != self._waits_for_room:
            self._waits_for_room = is_left
            self._loop.change(self._channel.fileno(), select.EPOLLIN | (select.EPOLLOUT if is_left else 0))

    def _on_control(self, mask: int, _now: float) -> None:
        if mask and not mask & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
            self._flush()
            return
        for _ in range(MESSAGES_PER_TURN if mask else 1):
            try:
                received = receive_in_worker(self._channel)
            except BlockingIOError:
                return
            except OSError:
                received = None
            if received is None:
                self._is_over = True
                return
            self._on_message(*received)
            if mask:
                self._flush()

    def _on_message(self, message: ToWorker, descriptors: Sequence[int]) -> None:
        if isinstance(message, TellWorker):
            if self._admission is not None:
                for heard in message.answers:
                    self._admission.on_heard(heard)
            return
        try:
            self._carry_out(message, descriptors)
        except ControlBroken as fault:
            self._outbox.answer(Rejected(message.serial, str(fault)))
        else:
            self._outbox.answer(Accepted(message.serial))

    def _carry_out(self, message: ToWorker, descriptors: Sequence[int]) -> None:
        match message:
            case Listen(_, settings):
                self._make_ready(settings, [socket.socket(fileno=descriptor) for descriptor in descriptors])
            case TakeRules(_, site, name):
                self._take_rules(site, name, descriptors)
            case TakeTlsLine(_):
                self._take_tls_line(descriptors)
            case Begin(_, release, site):
                self._forget_offers()
                self._release, self._site = release, site
            case CataloguePart(_, entries):
                self._take(entries, descriptors)
            case Commit(_, files):
                if self._admission is None or self._release is None or files != len(self._offers):
                    self._forget_offers()
                    raise ControlBroken("a catalogue arrived without all of its files")
                self._admission.adopt(Catalogue(self._release, self._offers), self._site)
                self._offers = []
                self._release = None
                self._listen()
            case Admit(_, pass_):
                if self._admission is not None:
                    self._admission.reload_tokens.add(pass_, time.monotonic())

    def _make_ready(self, settings: WorkerSettings, sockets: list[socket.socket]) -> None:
        asked_on = next((one for one in sockets if one.family == socket.AF_NETLINK), None)
        self._settings = settings
        self._admission = Admission(
            self._loop,
            site=settings.site,
            on_event=self._tell,
            limits=settings.limits,
            links=Links(asked_on) if asked_on is not None else None,
            ask_parent=self._ask_parent if settings.asks else None,
            watches_frames=settings.watches_frames,
            profile=settings.profile,
        )
        self._engine = Engine(self._loop, self._admission, limits=settings.limits, profile=settings.profile)
        self._http = HttpFront(self._loop, self._admission, limits=settings.http_limits)
        self._listeners = [one for one in sockets if one is not asked_on]

    def _ask_parent(self, question: Question) -> None:
        """Ask ahead of all events, and once for all requests of this turn: each message wakes the parent."""
        if not self._questions:
            self._loop.call_at(self._loop.moment.mono, self._send_questions)
        self._questions.append(question)

    def _send_questions(self, _now: float) -> None:
        for start in range(0, len(self._questions), MOST_QUESTIONS):
            self._outbox.answer(AskParent(tuple(self._questions[start : start + MOST_QUESTIONS])))
        self._questions = []
        self._flush()

    def _take_tls_line(self, descriptors: Sequence[int]) -> None:
        if len(descriptors) != 1 or self._http is None:
            for descriptor in descriptors:
                os.close(descriptor)
            raise ControlBroken("a line of connections by TLS arrived without its descriptor")
        self._http.take_over_tls(socket.socket(fileno=descriptors[0]))

    def _take_rules(self, site: str, name: str, descriptors: Sequence[int]) -> None:
        try:
            if len(descriptors) != 1 or self._admission is None:
                raise ControlBroken("rules arrived without their file")
            told = codec.from_json(GuardRules, os.pread(descriptors[0], MOST_RULES_BYTES, 0))
            rules = read_rules(told, self._settings.profile)
        except RingfenceError as fault:
            raise ControlBroken(f"the worker refuses a site's rules: {fault}") from fault
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        self._admission.take_rules(site, name, rules)
        if (
            self._settings.profile is ServingProfile.LAN
        ):  # what faces the internet serves many sites, and no site loosens it
            self._set_shares(told.shares)

    def _set_shares(self, told: GuardShares) -> None:
        asked = (told.transfers, told.connections, told.requests, told.refusals)
        shares = SourceShares(*(min(each, MOST_OF_A_SHARE) for each in asked))
        if self._engine is not None and self._http is not None and self._admission is not None:
            limits = shares.in_limits(self._settings.limits)
            self._engine.set_limits(limits)
            self._admission.telling.set_limits(limits)
            self._http.set_limits(shares.in_http_limits(self._settings.http_limits))

    def _listen(self) -> None:
        """Take requests, if that is not done yet.

        Not before there is something to serve: after a restart, what waits in the sockets must not be told that no
        such file exists.
        """
        if self._engine is None or self._http is None:
            return
        for listener in self._listeners:
            if listener.type == socket.SOCK_STREAM:
                self._http.listen(listener)
            else:
                self._engine.listen(listener)
        self._served_on += self._listeners
        self._listeners = []

    def _take(self, entries: Sequence[CatalogueEntry], descriptors: Sequence[int]) -> None:
        if len(entries) != len(descriptors):
            for descriptor in descriptors:
                os.close(descriptor)
            raise ControlBroken("a part of a catalogue has more files than descriptors, or fewer")
        self._offers.extend(
            Offer(entry.name, descriptor, entry.length, entry.kind, entry.owner, entry.secret, entry.sealed)
            for entry, descriptor in zip(entries, descriptors, strict=True)
        )

    def _forget_offers(self) -> None:
        for offer in self._offers:
            os.close(offer.fd)
        self._offers = []


def serve(channel_fd: int, confined: Confined) -> int:
    """Give up the rest in a process that is ``confined``, and serve; return the exit status."""
    channel = socket.socket(fileno=channel_fd)
    try:
        sealed = seal(confined, WORKER)
    except ConfinementFailed as fault:
        sys.stderr.write(f"{fault}\n")
        return CONFINEMENT_FAILED
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        Worker(channel).run(sealed)
    return 0
