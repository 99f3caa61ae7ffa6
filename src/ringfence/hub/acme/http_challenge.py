"""What answers a CA's request to port 80 (HTTP-01, RFC 8555 section 8.3), and nothing else.

Invariants:

- It gives out the answers to challenges that are under way, each at its own path; all else is 404.
- Whoever comes has five seconds and four kilobytes; the newest of too many takes the place of the oldest, so that
  those who hold connections open do not shut the CA out.
- It has a thread of its own, and reads nothing of the hub's.
"""

import contextlib
import selectors
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

import h11

PATH = "/.well-known/acme-challenge/"
MOST_CONNECTIONS = 128
MOST_ANSWERS = 40
LONGEST_S = 5.0
LARGEST_HEAD_BYTES = 4096
_LOOK_EVERY_S = 0.5


@dataclass(slots=True)
class _Visit:
    """One connection: its socket, its HTTP, and what of the answer is still to be sent."""

    line: socket.socket
    until: float
    http: h11.Connection = field(
        default_factory=lambda: h11.Connection(h11.SERVER, max_incomplete_event_size=LARGEST_HEAD_BYTES)
    )
    answer: bytes = b""


class HttpChallenges:
    """Answers the CA at a listening socket, which stays the caller's.

    Args:
        bound: The socket.
    """

    def __init__(self, bound: socket.socket) -> None:
        self._bound = bound
        self._answers: dict[str, bytes] = {}
        self._visits: OrderedDict[int, _Visit] = OrderedDict()
        self._selector = selectors.DefaultSelector()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="acme-challenges")

    @contextlib.contextmanager
    def running(self) -> Iterator["HttpChallenges"]:
        """Answer for the length of the block."""
        self._bound.setblocking(False)
        self._selector.register(self._bound, selectors.EVENT_READ)
        self._thread.start()
        try:
            yield self
        finally:
            self._is_over.set()
            self._thread.join()
            self._selector.close()

    def put(self, path: str, answer: str) -> None:
        """Answer a path with a text from now on."""
        if path.startswith(PATH) and len(self._answers) < MOST_ANSWERS:
            self._answers = {**self._answers, path: answer.encode()}

    def clear(self) -> None:
        """Answer nothing any more."""
        self._answers = {}

    def _run(self) -> None:
        while not self._is_over.is_set():
            for key, _events in self._selector.select(_LOOK_EVERY_S):
                if key.fileobj is self._bound:
                    self._accept()
                elif (visit := self._visits.get(key.fd)) is not None:  # it may have had to go just now
                    self._serve(visit)
            now = time.monotonic()
            for visit in [each for each in self._visits.values() if each.until < now]:
                self._end(visit)
        for visit in list(self._visits.values()):
            self._end(visit)

    def _accept(self) -> None:
        try:
            line, _peer = self._bound.accept()
        except OSError:
            time.sleep(_LOOK_EVERY_S / 10)  # it has gone again, or there is no room for it
            return
        if len(self._visits) >= MOST_CONNECTIONS:
            self._end(next(iter(self._visits.values())))
        line.setblocking(False)
        self._visits[line.fileno()] = _Visit(line, time.monotonic() + LONGEST_S)
        self._selector.register(line, selectors.EVENT_READ)

    def _serve(self, visit: _Visit) -> None:
        try:
            if not visit.answer:
                self._read(visit)
            if visit.answer:
                visit.answer = visit.answer[visit.line.send(visit.answer) :]
                if not visit.answer:
                    self._end(visit)
        except BlockingIOError:
            return
        except (OSError, h11.RemoteProtocolError):
            self._end(visit)

    def _read(self, visit: _Visit) -> None:
        visit.http.receive_data(visit.line.recv(LARGEST_HEAD_BYTES))
        event = visit.http.next_event()
        if event is h11.NEED_DATA:
            return
        if not isinstance(event, h11.Request):
            self._end(visit)
            return
        found = self._answers.get(event.target.decode("latin-1")) if event.method in {b"GET", b"HEAD"} else None
        body = found if found is not None else b""
        head = h11.Response(
            status_code=200 if found is not None else 404,
            headers=[
                ("Content-Type", "application/octet-stream"), ("Content-Length", str(len(body))),
                ("Connection", "close"), ("X-Content-Type-Options", "nosniff"),
            ],
        )  # fmt: skip
        parts = [visit.http.send(head), visit.http.send(h11.Data(data=body)) if event.method == b"GET" else b""]
        visit.answer = b"".join(part or b"" for part in parts)
        self._selector.modify(visit.line, selectors.EVENT_WRITE)

    def _end(self, visit: _Visit) -> None:
        if self._visits.pop(visit.line.fileno(), None) is not None:
            self._selector.unregister(visit.line)
            visit.line.close()
