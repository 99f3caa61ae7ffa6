"""The one epoll loop: requests in, transfers out, each on a connected socket of its own.

What it does in one turn: the datagrams that have come, then the timers that are due, then what wants to be told. No
step blocks, and none takes time that a stranger could choose. A transfer's hot path is one ``recv``, one comparison,
one slice, one ``send``.

Bounds: transfers in all and from one source; requests taken in one turn, so that a flood can't starve transfers.
A request beyond a bound gets no answer: phones repeat theirs, and a forger shall get nothing.
"""

import contextlib
import heapq
import os
import select
import socket
import time
from collections.abc import Callable

from ringfence.content.errors import BadName
from ringfence.content.names import normalise
from ringfence.guard.decision import Decision, Evidence, FileRequest, HeldFile, Operation, Policy, decide
from ringfence.server.catalogue import NOTHING_OFFERED, Catalogue, OfferedFile
from ringfence.server.events import (
    RequestRefused,
    TransferFailed,
    TransferFinished,
    WorkerEvent,
    printable,
)
from ringfence.server.limits import DEFAULT_LIMITS, Limits
from ringfence.server.refusals import RefusalLog
from ringfence.server.sockets import LONGEST_DATAGRAM_BYTES, Address, Datagram, connected, receive, send_once
from ringfence.tftp.effects import Effects, Failed, FailureReason, Finished, Send
from ringfence.tftp.errors import MalformedPacket, MalformedRequest
from ringfence.tftp.options import negotiate
from ringfence.tftp.packets import (
    ILLEGAL_OPERATION,
    NO_WRITING,
    NOT_FOUND,
    STOPPING,
    ReadRequest,
    WriteRequest,
    from_bytes,
    to_bytes,
)
from ringfence.tftp.sending import Sender, SendingState

REQUESTS_PER_TURN = 64
LONGEST_TURN_S = 1.0
LONGEST_TIMER_S = 0.5
"""A session's timer is looked at this often at least, for the hot path may bring ``wake_at`` nearer without telling."""
LONGEST_NAME = 255
MODES = frozenset({"octet", "netascii"})

_NOT_FOUND = to_bytes(NOT_FOUND)
_NO_WRITING = to_bytes(NO_WRITING)
_ILLEGAL_OPERATION = to_bytes(ILLEGAL_OPERATION)
_STOPPING = to_bytes(STOPPING)


class _Session:
    """One transfer: the machine, its socket, and what will be told of it."""

    __slots__ = (
        "advance",
        "began_at",
        "endpoint",
        "file",
        "key",
        "peer",
        "receive",
        "send",
        "sender",
        "unreachable_at",
    )

    def __init__(
        self, endpoint: socket.socket, sender: Sender, file: OfferedFile, datagram: Datagram, now: float
    ) -> None:
        self.endpoint = endpoint
        self.sender = sender
        self.file = file
        self.peer = datagram.peer
        self.key = (datagram.peer, datagram.local)
        self.began_at = now
        self.unreachable_at = -1
        # Bound once: three look-ups less for each block.
        self.advance = sender.advance
        self.receive = endpoint.recv
        self.send = endpoint.send


class Engine:
    """Serves a catalogue's files on ``listeners`` until it is closed.

    ``on_event`` is called from within ``turn`` and must not block. ``evidence`` is what the guard knows besides the
    request. The engine owns neither the listeners nor what ``attach`` brings.
    """

    def __init__(
        self,
        *,
        site: str,
        on_event: Callable[[WorkerEvent], None],
        policy: Policy | None = None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self._site = site
        self._on_event = on_event
        self._policy = policy or Policy()
        self._limits = limits
        self._epoll = select.epoll()
        self._sessions: dict[int, _Session] = {}
        self._by_peer: dict[tuple[Address, Address], _Session] = {}
        self._per_source: dict[str, int] = {}
        self._attached: dict[int, Callable[[int], None]] = {}
        self._timers: list[tuple[float, int, _Session]] = []
        self._catalogue = NOTHING_OFFERED
        self._evidence = Evidence()
        self._refusals = RefusalLog()
        self._timer_serial = 0

    # -- what it serves ---------------------------------------------------------------------------------------

    def adopt(self, catalogue: Catalogue) -> None:
        """Serve ``catalogue`` from the next request on; transfers in flight finish on the bytes they began with."""
        old, self._catalogue = self._catalogue, catalogue
        self._evidence = Evidence(known_owners=catalogue.known_owners)
        old.retire()

    def listen(self, listener: socket.socket) -> None:
        """Take requests from ``listener`` (``sockets.listen``)."""
        self.attach(listener.fileno(), select.EPOLLIN, lambda _: self._on_requests(listener))

    def attach(self, fd: int, mask: int, handler: Callable[[int], None]) -> None:
        """Call ``handler`` with the event mask whenever ``fd`` is ready; it must not block."""
        self._attached[fd] = handler
        self._epoll.register(fd, mask)

    def change(self, fd: int, mask: int) -> None:
        """Wait for other events of an attached ``fd``."""
        self._epoll.modify(fd, mask)

    @property
    def session_count(self) -> int:
        """How many transfers are under way."""
        return len(self._sessions)

    def close(self) -> None:
        """End every transfer with ERROR 0 and let go of the catalogue."""
        for session in list(self._sessions.values()):
            with contextlib.suppress(OSError):
                session.send(_STOPPING)
            self._end(session)
        self.adopt(NOTHING_OFFERED)
        self._epoll.close()

    # -- the loop -----------------------------------------------------------------------------------------------

    def turn(self, longest_s: float = LONGEST_TURN_S) -> None:
        """Wait for at most ``longest_s``, then do all that is due."""
        timers = self._timers
        timeout_s = longest_s
        if timers:
            timeout_s = min(max(timers[0][0] - time.monotonic(), 0.0), longest_s)
        ready = self._epoll.poll(timeout_s)
        now = time.monotonic()
        sessions = self._sessions
        for fd, mask in ready:
            session = sessions.get(fd)
            if session is not None:
                try:
                    datagram = session.receive(LONGEST_DATAGRAM_BYTES)
                    packet = session.advance(datagram, now)
                    if packet is not None:
                        session.send(packet)
                        continue
                except OSError as fault:
                    self._on_fault(session, fault)
                    continue
                self._carry_out(session, session.sender.receive_datagram(datagram, session.peer, now), now)
            elif (handler := self._attached.get(fd)) is not None:
                handler(mask)
        if timers and timers[0][0] <= now:
            self._on_timers(now)
        for refused in self._refusals.flush(time.time()):
            self._on_event(refused)

    def _on_timers(self, now: float) -> None:
        """Fire what is due, and put the rest back: an entry only says when to look at a session's ``wake_at``."""
        timers = self._timers
        while timers and timers[0][0] <= now:
            _, _, session = heapq.heappop(timers)
            if session.sender.wake_at <= now:
                self._carry_out(session, session.sender.handle_timeout(now), now)
            if self._by_peer.get(session.key) is session:
                self._look_again(session, now)

    def _look_again(self, session: _Session, now: float) -> None:
        at = min(session.sender.wake_at, now + LONGEST_TIMER_S)
        self._timer_serial += 1
        heapq.heappush(self._timers, (at, self._timer_serial, session))

    # -- requests -----------------------------------------------------------------------------------------------

    def _on_requests(self, listener: socket.socket) -> None:
        for _ in range(REQUESTS_PER_TURN):
            try:
                datagram = receive(listener)
            except OSError:
                return  # all taken; an error here belongs to an answer that was sent before
            if datagram is not None:
                self._on_request(datagram)

    def _on_request(self, datagram: Datagram) -> None:
        try:
            request = from_bytes(datagram.data)
        except MalformedRequest as fault:
            self._refuse(
                datagram, "", f"Refused a broken request of {datagram.peer[0]}: {fault.what}.", _ILLEGAL_OPERATION
            )
            return
        except MalformedPacket:
            return  # not even a request: anything said to it may hit a forged address
        match request:
            case ReadRequest(filename, mode, _) if mode in MODES:
                self._on_read_request(datagram, request)
            case ReadRequest(filename, mode, _):
                sentence = f"Refused {printable(filename)} to {datagram.peer[0]}: mode {printable(mode)} is unknown."
                self._refuse(datagram, filename, sentence, _ILLEGAL_OPERATION)
            case WriteRequest(filename):
                decision = self._judge(FileRequest(filename, datagram.peer[0], Operation.WRITE), None)
                self._refuse(datagram, filename, decision.sentence, _NO_WRITING)
            case _:
                return  # DATA, ACK, ERROR and OACK have no business at this port (RFC 1350 section 4)

    def _on_read_request(self, datagram: Datagram, request: ReadRequest) -> None:
        held = self._by_peer.get((datagram.peer, datagram.local))
        if held is not None:
            if not held.sender.is_proven or not held.sender.is_stalled:
                return  # the request again: the first answer is on its way, and the timer repeats it
            self._tell_failed(held, "the phone began anew from the same port")
            self._end(held)
        try:
            offered = self._catalogue.find(normalise(request.filename))
        except BadName:
            offered = None
        decision = self._judge(FileRequest(request.filename, datagram.peer[0]), offered)
        if not decision.allow or offered is None:
            self._refuse(datagram, request.filename, decision.sentence, _NOT_FOUND)
        elif self._has_room_for(datagram, request):
            self._start(datagram, request, offered)

    def _judge(self, request: FileRequest, offered: OfferedFile | None) -> Decision:
        holding = None if offered is None else HeldFile(offered.kind, offered.owner)
        return decide(request, holding, self._evidence, self._policy, self._site)

    def _refuse(self, datagram: Datagram, filename: str, sentence: str, answer: bytes | None) -> None:
        if answer is not None:
            send_once(datagram, answer)
        host, port, *_ = datagram.peer
        told = self._refusals.note(
            RequestRefused(time.time(), host, port, printable(filename)[:LONGEST_NAME], printable(sentence))
        )
        if told is not None:
            self._on_event(told)

    def _has_room_for(self, datagram: Datagram, request: ReadRequest) -> bool:
        host = datagram.peer[0]
        name = printable(request.filename)
        if self._per_source.get(host, 0) >= self._limits.sessions_per_source:
            most = self._limits.sessions_per_source
            sentence = f"Left {name} to {host} unanswered: it has {most} transfers under way already."
            self._refuse(datagram, request.filename, sentence, None)
            return False
        if len(self._sessions) >= self._limits.sessions:
            unproven = next((s for s in self._sessions.values() if not s.sender.is_proven), None)
            if unproven is None:
                sentence = f"Left {name} to {host} unanswered: {self._limits.sessions} transfers are under way."
                self._refuse(datagram, request.filename, sentence, None)
                return False
            self._tell_failed(unproven, "it never answered, and gave way to another transfer")
            self._end(unproven)
        return True

    def _start(self, datagram: Datagram, request: ReadRequest, offered: OfferedFile) -> None:
        terms = negotiate(request.options, mode=request.mode, size_bytes=offered.length)
        jitter = os.urandom(1)[0] / 256
        try:
            endpoint = connected(datagram)
        except OSError as fault:
            sentence = f"Could not answer {datagram.peer[0]}: {fault.strerror}."
            self._refuse(datagram, request.filename, sentence, None)
            return
        sender = Sender(datagram.peer, offered.read, offered.length, mode=request.mode, terms=terms, jitter=jitter)
        now = time.monotonic()
        offered.hold()
        session = _Session(endpoint, sender, offered, datagram, now)
        self._sessions[endpoint.fileno()] = session
        self._by_peer[session.key] = session
        host = datagram.peer[0]
        self._per_source[host] = self._per_source.get(host, 0) + 1
        self._epoll.register(endpoint.fileno(), select.EPOLLIN)
        self._carry_out(session, sender.begin(now), now)
        if sender.state is not SendingState.OVER:
            self._look_again(session, now)

    # -- transfers ----------------------------------------------------------------------------------------------

    def _carry_out(self, session: _Session, effects: Effects, now: float) -> None:
        for effect in effects:
            match effect:
                case Send(data):
                    with contextlib.suppress(OSError):  # lost, as datagrams are; the timer repeats it
                        session.send(data)
                case Finished(size_bytes, retransmissions):
                    self._tell_finished(session, size_bytes, retransmissions, now)
                    self._end(session)
                case Failed():
                    self._tell_failed(session, _sentence(effect))
                    self._end(session)
                case _:
                    pass  # WakeAt: the machine's wake_at says the same; Deliver is the receiver's

    def _on_fault(self, session: _Session, fault: OSError) -> None:
        match fault:
            case BlockingIOError():
                pass  # nothing there after all, or no room to send: the timer repeats it
            case ConnectionRefusedError():
                # The peer's port is closed, they say. One such message may be old or forged; a second one for the
                # same block, with no ACK between, is believed.
                if session.unreachable_at == session.sender.block:
                    self._tell_failed(session, "the phone closed its port before it acknowledged the last block sent")
                    self._end(session)
                else:
                    session.unreachable_at = session.sender.block
            case _:
                self._tell_failed(session, f"the network refused a datagram: {fault.strerror}")
                self._end(session)

    def _end(self, session: _Session) -> None:
        del self._sessions[session.endpoint.fileno()]
        del self._by_peer[session.key]
        host = session.peer[0]
        self._per_source[host] -= 1
        if not self._per_source[host]:
            del self._per_source[host]
        session.endpoint.close()  # which also takes it out of the epoll set
        session.file.let_go()

    def _tell_finished(self, session: _Session, size_bytes: int, retransmissions: int, now: float) -> None:
        file = session.file
        self._on_event(
            TransferFinished(
                at=time.time(),
                peer_host=session.peer[0],
                peer_port=session.peer[1],
                name=file.name,
                owner=file.owner,
                size_bytes=size_bytes,
                duration_s=round(now - session.began_at, 6),
                release=file.release,
                retransmissions=retransmissions,
            )
        )

    def _tell_failed(self, session: _Session, reason: str) -> None:
        host, port, *_ = session.peer
        self._on_event(TransferFailed(time.time(), host, port, session.file.name, session.file.owner, reason))


def _sentence(failed: Failed) -> str:
    match failed.reason:
        case FailureReason.NO_ANSWER:
            return "the phone never acknowledged anything"
        case FailureReason.WENT_SILENT:
            return "the phone went silent in the midst of the file"
        case FailureReason.PEER_ERROR:
            return f"the phone ended it: {printable(failed.message)[:LONGEST_NAME]} (TFTP error {failed.code})"
        case FailureReason.READ_FAILED:
            return "the file could not be read"
        case _:
            return f"the transfer failed: {failed.reason}"
