"""One HTTP connection: requests in order, each answered completely before the next one is read.

States::

    state       waits for                                          then
    ----------  -------------------------------------------------  -----------------------------------------
    READING     the header of a request                             DECIDING, or OVER at the peer's end
    DECIDING    admission                                          SENDING
    SENDING     room for the answer's head, and the file's bytes   CONFIRMING; without a file as behind that
    CONFIRMING  the peer's acknowledgement of the file's bytes     READING, or LINGERING where it is the last
    LINGERING   the peer's end, so that it has read our last word  OVER
    OVER        nothing

A fault, or a deadline that has passed, leads from each of them to OVER.
"""

import contextlib
import select
import socket
import time
from collections.abc import Callable
from enum import Enum, auto

import h11

from ringfence.guard.asking import Asking
from ringfence.phones.filenames import owner_of
from ringfence.phones.orders.web_interface import ALLOWED, ORDER_CHECK
from ringfence.server.access.admission import Admission
from ringfence.server.access.refusal_telling import Refusal
from ringfence.server.events import HTTP, Cause, printable
from ringfence.server.files.catalogue import OfferedFile
from ringfence.server.http.challenges import Challenges
from ringfence.server.http.delivery import (
    Delivery,
    drop_unsent,
    raise_fault,
    unacknowledged_bytes,
)
from ringfence.server.http.requests import (
    BAD_REQUEST,
    BODY_REFUSED,
    BROKEN_BY_STATUS,
    HEAD_TOO_LONG,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    READ_METHODS,
    VERSION_NOT_SUPPORTED,
    Answer,
    Slice,
    date,
    file_answer,
    has_body,
    is_writing,
    name_of,
    name_over_tls,
    query_of,
    short_answer,
    unsatisfiable,
    wanted_slice,
)
from ringfence.server.http.tls_line import TlsPeer
from ringfence.server.io.loop import Loop
from ringfence.server.limits.settings import HttpLimits

RECEIVE_BYTES = 4096
EMPTY_LINES = b"\r\n"
ORDER_ALLOWED = short_answer(ALLOWED)
LINGER_S = 2.0
_MOST_DISCARDED_BYTES = 64 * 1024
_FIRST_LOOK_S = 0.005
_LONGEST_LOOK_S = 0.25


class State(Enum):
    """See the table at the module's head."""

    READING = auto()
    DECIDING = auto()
    SENDING = auto()
    CONFIRMING = auto()
    LINGERING = auto()
    OVER = auto()


class Connection:
    """``on_over`` is called once, when the socket is closed; the owner then drops the connection.

    The owner also checks ``deadline`` (the loop's time) now and then, and calls ``expire`` once it has passed.
    """

    __slots__ = (
        "_admission",
        "_buffered_bytes",
        "_challenges",
        "_delivery",
        "_discarded_bytes",
        "_endpoint",
        "_http",
        "_is_asking",
        "_is_attached",
        "_is_head",
        "_limits",
        "_looks_first",
        "_loop",
        "_on_over",
        "_tls",
        "_unsent",
        "deadline",
        "host",
        "port",
        "state",
    )

    def __init__(
        self,
        endpoint: socket.socket,
        peer: tuple[str, int],
        *,
        loop: Loop,
        admission: Admission,
        challenges: Challenges,
        limits: HttpLimits,
        on_over: Callable[["Connection"], None],
        now: float,
        tls: TlsPeer | None = None,
    ) -> None:
        self.host, self.port = peer
        self._tls = tls
        self.state = State.READING
        self.deadline = now + limits.head_s
        self._endpoint = endpoint
        self._loop = loop
        self._admission = admission
        self._challenges = challenges
        self._limits = limits
        self._on_over = on_over
        self._http = h11.Connection(h11.SERVER, limits.longest_head_bytes)
        self._buffered_bytes = 0  # that h11 has and we have not seen as a request
        self._looks_first = False  # for a request in what is buffered, before more is received
        self._is_asking = False  # a request has begun
        self._is_head = False  # which has an answer without a body, be it a refusal
        self._unsent = b""
        self._delivery: Delivery | None = None
        self._discarded_bytes = 0
        self._is_attached = False
        self._wait_for(select.EPOLLIN)

    @property
    def is_idle(self) -> bool:
        """Whether no request has begun."""
        return self.state is State.READING and not self._is_asking

    def expire(self, now: float) -> None:
        """End it, because its deadline has passed."""
        if self._delivery is None:
            if self._is_asking and self.state is State.READING:
                self._note(f"a request was not complete after {self._limits.head_s:g} s")
            self.end()
        elif now >= self._delivery.deadline:
            self._abort("it took longer than a transfer of its size is allowed to", Cause.TOO_SLOW)
        else:
            self._abort(f"the phone accepted no data for {self._limits.stalled_s:g} s", Cause.WENT_SILENT)

    def stop(self) -> None:
        """End it from our side, at once."""
        self._abort("the server stopped", Cause.STOPPED)

    def end(self) -> None:
        """Close the socket and let go of all."""
        if self.state is State.OVER:
            return
        self.state = State.OVER
        self._wait_for(None)
        self._endpoint.close()
        if self._delivery is not None:
            self._delivery.let_go()
            self._delivery = None
        self._on_over(self)

    # -- the loop -----------------------------------------------------------------------------------------------

    def on_ready(self, _mask: int, now: float) -> None:
        """Go on as far as the socket lets us."""
        try:
            match self.state:
                case State.READING:
                    self._read(now)
                case State.SENDING:
                    self._send(now)
                case State.CONFIRMING:
                    self._on_news_while_confirming(now)
                case State.LINGERING:
                    self._discard()
                case State.DECIDING | State.OVER:
                    pass
        except BlockingIOError:
            return
        except OSError as fault:
            self._on_fault(fault)

    def _wait_for(self, mask: int | None) -> None:
        """Be called for the events of ``mask``, and for errors; None: for nothing."""
        fd = self._endpoint.fileno()
        if mask is None:
            if self._is_attached:
                self._loop.detach(fd)
        elif self._is_attached:
            self._loop.change(fd, mask)
        else:
            self._loop.attach(fd, mask, self.on_ready)
        self._is_attached = mask is not None

    # -- requests -----------------------------------------------------------------------------------------------

    def _read(self, now: float) -> None:
        if self._looks_first:
            self._looks_first = False
        else:
            data = self._endpoint.recv(RECEIVE_BYTES)
            if not data:
                self.end()
                return
            if self._buffered_bytes == 0 and not (data := data.lstrip(EMPTY_LINES)):
                return
            if self.is_idle and self._buffered_bytes == 0:
                self.deadline = now + self._limits.head_s
            self._is_asking = True
            self._buffered_bytes += len(data)
            self._http.receive_data(data)
        self._is_head = False
        try:
            event = self._http.next_event()
        except h11.RemoteProtocolError as fault:
            broken = BROKEN_BY_STATUS.get(fault.error_status_hint, BAD_REQUEST)
            self._refuse_as_broken("", broken, str(broken.reason, "ascii").lower(), now)
            return
        if isinstance(event, h11.Request):
            self._on_request(event, now)
        else:
            self._wait_for(select.EPOLLIN)

    def _on_request(self, request: h11.Request, now: float) -> None:
        left_bytes = len(self._http.trailing_data[0])
        head_bytes, self._buffered_bytes = self._buffered_bytes - left_bytes, left_bytes
        name = name_of(request.target)
        method = printable(request.method.decode("ascii"))
        self._is_head = request.method == b"HEAD"
        if head_bytes > self._limits.longest_head_bytes:
            self._refuse_as_broken("", HEAD_TOO_LONG, "its header is too long", now)
        elif not request.http_version.startswith(b"1."):
            self._refuse_as_broken(name or "", VERSION_NOT_SUPPORTED, "it is not HTTP/1", now)
        elif is_writing(request.method):
            refusal = self._admission.refuse_writing(name or "", self.host, self.port)
            self._answer_refusal(refusal, METHOD_NOT_ALLOWED, now)
        elif request.method not in READ_METHODS:
            self._refuse_as_broken(name or "", METHOD_NOT_ALLOWED, f"method {method} is not supported", now)
        elif has_body(request.headers):
            self._refuse_as_broken(name or "", BODY_REFUSED, "it has a body", now)
        elif name is None:
            self._refuse_as_broken("", BAD_REQUEST, "it does not name a file", now)
        else:
            self._http.next_event()  # the end of a request without a body
            self._on_file_request(name, request, now)

    def _on_file_request(self, name: str, request: h11.Request, now: float) -> None:
        if self._tls is not None:
            self._ask_over_tls(name, self._tls, request)
            return
        query = query_of(request.target)
        if name == ORDER_CHECK and self._admission.reload_tokens.confirms(self.host, query, now):
            self._answer(ORDER_ALLOWED, now)
            return
        if query:
            name = self._admission.opened_by(name, query, self.host)
        agents = [value.decode("ascii", "replace") for header, value in request.headers if header == b"user-agent"]
        given = [value for header, value in request.headers if header == b"authorization"]
        credential = None
        if len(given) == 1:
            credential = self._challenges.read(given[0], request.method, request.target, self.host, now)
        asking = Asking(
            name, self.host, self.port, HTTP, user_agent=printable(agents[0]) if agents else "", credential=credential
        )
        is_stale = credential is None and any(value[:6].lower() == b"digest" for value in given)
        self.state = State.DECIDING
        self._wait_for(0)  # for errors alone: what comes next is read when this is answered
        self._admission.ask(asking, lambda file, now: self._on_decided(file, asking, request, is_stale, now))

    def _ask_over_tls(self, name: str, peer: TlsPeer, request: h11.Request) -> None:
        """Ask for a phone's own configuration, the one file that goes out over TLS."""
        wanted = name_over_tls(name)
        owner = owner_of(wanted)
        is_its = owner is not None and peer.certificate_of == owner.bare
        asking = Asking(
            wanted, self.host, self.port, HTTP, holds_key=peer.is_proof and is_its,
            certificate_of=peer.certificate_of, over_tls=True,
        )  # fmt: skip
        self.state = State.DECIDING
        self._wait_for(0)
        self._admission.ask(asking, lambda file, now: self._on_decided(file, asking, request, False, now))

    def _on_decided(
        self, file: OfferedFile | Refusal, asking: Asking, request: h11.Request, is_stale: bool, now: float
    ) -> None:
        """Answer with what admission gives, at once or some milliseconds after it was asked."""
        if self.state is not State.DECIDING:
            return  # it has ended meanwhile
        try:
            if isinstance(file, Refusal):
                asks = self._admission.asks_for_credential(asking.name)
                refusal = self._challenges.make(self.host, now, is_stale=is_stale) if asks else NOT_FOUND
                self._answer_refusal(file, refusal, now)
                return
            if asking.credential is not None:
                self._challenges.use_up(asking.credential)
            self._answer_file(file, request, now)
        except OSError as fault:
            self._on_fault(fault)

    def _answer_file(self, file: OfferedFile, request: h11.Request, now: float) -> None:
        if self._is_head:  # a range is for GET alone (RFC 9110 section 14.2)
            self._answer(file_answer(file.name, file.length, Slice(0, file.length)), now)
            return
        wanted = wanted_slice(request.headers, file.length)
        if wanted is None:
            self._answer(unsatisfiable(file.length), now)
            return
        limits = self._limits
        deadline = now + limits.grace_s + wanted.length / limits.slowest_bytes_per_s
        self._delivery = Delivery(file, wanted, now, deadline)
        self._answer(file_answer(file.name, file.length, wanted), now)

    def _refuse_as_broken(self, name: str, answer: Answer, why: str, now: float) -> None:
        sentence = f"Refused a request from {self.host} over HTTP: {why}."
        self._answer_refusal(self._admission.refuse(name, self.host, self.port, sentence), answer, now)

    def _answer_refusal(self, refusal: Refusal, answer: Answer, now: float) -> None:
        if refusal is Refusal.SILENCE:
            self.end()
        else:
            self._answer(answer, now)

    def _note(self, why: str) -> None:
        self._admission.note("", self.host, self.port, f"Closed an HTTP connection from {self.host}: {why}.")

    # -- answers ------------------------------------------------------------------------------------------------

    def _answer(self, answer: Answer, now: float) -> None:
        headers = [*answer.headers, (b"Date", date(time.time()))]
        if answer.closes:
            headers.append((b"Connection", b"close"))
        parts = [self._http.send(h11.Response(status_code=answer.status, reason=answer.reason, headers=headers))]
        if self._delivery is not None:
            # h11 only counts them: sendfile sends them.
            self._http.send_with_data_passthrough(h11.Data(data=range(self._delivery.left)))  # type: ignore[arg-type]
        elif answer.body and not self._is_head:
            parts.append(self._http.send(h11.Data(data=answer.body)))
        parts.append(self._http.send(h11.EndOfMessage()))
        self._unsent = b"".join(parts)
        self._is_asking = False
        self.state = State.SENDING
        self.deadline = now + self._limits.stalled_s
        self._send(now)

    def _send(self, now: float) -> None:
        delivery = self._delivery
        try:
            while self._unsent:
                more = socket.MSG_MORE if delivery is not None and delivery.left else 0
                self._unsent = self._unsent[self._endpoint.send(self._unsent, more) :]
                self._on_progress(now)
            if delivery is not None and delivery.left and not self._send_file(delivery, now):
                return
        except BlockingIOError:
            self._wait_for(select.EPOLLOUT)
            return
        if self._http.our_state is h11.MUST_CLOSE:
            self._endpoint.shutdown(socket.SHUT_WR)
        if delivery is None:
            self._on_answered(now)
        else:
            self.state = State.CONFIRMING
            self._wait_for(select.EPOLLIN)  # the next request brings the acknowledgement along
            self._confirm(delivery, now, _FIRST_LOOK_S)

    def _send_file(self, delivery: Delivery, now: float) -> bool:
        """Send the file's bytes as far as this turn goes; return whether all are sent."""
        watched = self._admission.keeps_watch(delivery.file, self.host, self.port)
        if watched and not self._admission.is_still_there(delivery.file, self.host):
            self._abort("another machine took over the phone's address", Cause.MOVED)
            return False
        if not delivery.send(self._endpoint):
            self._abort("the file became shorter while it was sent", Cause.READ_FAILED)
            return False
        self._on_progress(now)
        if delivery.left:
            self._wait_for(select.EPOLLOUT)
        return not delivery.left

    def _on_progress(self, now: float) -> None:
        self.deadline = now + self._limits.stalled_s
        if self._delivery is not None:
            self.deadline = min(self.deadline, self._delivery.deadline)

    def _on_news_while_confirming(self, now: float) -> None:
        """Look at once, for an acknowledgement came along; if it did not, the looks in time are enough."""
        delivery = self._delivery
        if delivery is None:
            raise AssertionError(self.state)
        raise_fault(self._endpoint)
        if unacknowledged_bytes(self._endpoint):
            self._wait_for(None)
        else:
            self._finish(delivery, now)

    def _confirm(self, delivery: Delivery, now: float, pause_s: float) -> None:
        if self._delivery is not delivery or self.state is not State.CONFIRMING:
            return
        try:
            raise_fault(self._endpoint)
            if not unacknowledged_bytes(self._endpoint):
                self._finish(delivery, now)
                return
        except OSError as fault:
            self._on_fault(fault)
            return
        next_pause_s = min(2 * pause_s, _LONGEST_LOOK_S)
        self._loop.call_at(now + pause_s, lambda then: self._confirm(delivery, then, next_pause_s))

    def _finish(self, delivery: Delivery, now: float) -> None:
        self._admission.tell(delivery.finished(self.host, self.port, now))
        delivery.let_go()
        self._delivery = None
        self._on_answered(now)

    def _on_answered(self, now: float) -> None:
        if self._http.our_state is h11.MUST_CLOSE:
            self.state = State.LINGERING
            self.deadline = now + LINGER_S
            self._wait_for(select.EPOLLIN)
            return
        self._begin_anew()
        self.state = State.READING
        # What is buffered is looked at in the next turn: the others come first.
        self._looks_first = self._is_asking = self._buffered_bytes > 0
        self.deadline = now + (self._limits.head_s if self._is_asking else self._limits.idle_s)
        self._wait_for(select.EPOLLIN | (select.EPOLLOUT if self._looks_first else 0))

    def _begin_anew(self) -> None:
        """Be ready for the next request; empty lines before it are ignored (RFC 9112 section 2.2)."""
        left, _is_closed = self._http.trailing_data
        request = left.lstrip(EMPTY_LINES)
        if len(request) == len(left):
            self._http.start_next_cycle()
            return
        self._http = h11.Connection(h11.SERVER, self._limits.longest_head_bytes)
        if request:
            self._http.receive_data(request)
        self._buffered_bytes = len(request)

    # -- ends ---------------------------------------------------------------------------------------------------

    def _discard(self) -> None:
        data = self._endpoint.recv(RECEIVE_BYTES)
        self._discarded_bytes += len(data)
        if not data or self._discarded_bytes > _MOST_DISCARDED_BYTES:
            self.end()

    def _on_fault(self, fault: OSError) -> None:
        if isinstance(fault, ConnectionError):
            self._abort("the phone closed the connection", Cause.ENDED_BY_PEER)
        elif isinstance(fault, TimeoutError):
            self._abort("the phone went silent", Cause.WENT_SILENT)
        else:
            self._abort(f"sending failed: {fault.strerror}", Cause.NETWORK)

    def _abort(self, reason: str, cause: Cause) -> None:
        """End it before its time; what the peer has not got is dropped, and it sees that."""
        if self._delivery is not None:
            self._admission.tell(self._delivery.failed(self.host, self.port, reason, cause))
        if self.state in {State.SENDING, State.CONFIRMING}:
            with contextlib.suppress(OSError):
                drop_unsent(self._endpoint)
        self.end()
