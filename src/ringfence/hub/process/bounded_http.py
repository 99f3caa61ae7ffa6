"""HTTP of the listeners: uvicorn's protocol, with bounds for heads, bodies and answers that are slow or too long.

What a connection waits for decides what ends it. An answer may last as long as it likes, as an event stream does, while
its reader takes what there is of it.
"""

import asyncio
import logging
import socket
import struct
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from ringfence.hub.process.connections import Connections, CountedConnection

LARGEST_HEAD_BYTES = 32 * 1024
HEAD_S = 10.0
"""How long a head may take, from its first byte; for a connection's first, from the connection's beginning."""
BODY_S = 30.0
"""How long a body may bring nothing; and in all, beside a second for each ``SLOWEST_BYTES_S`` of it."""
SLOWEST_BYTES_S = 1024
"""What a body brings, and a reader takes, on the thinnest line that an edge can live on: 8 kbit/s. A release of 20 MiB
takes six hours there."""
MOST_AROUND_BODY = 8
"""How many bytes may come for each of a body: a chunk of one byte has five around it."""
MOST_REQUESTS = 16
"""How many requests may wait on a connection for the answer to the one before."""
READER_S = 60.0
"""In each such while in which something waits for it all along, a reader takes ``SLOWEST_BYTES_S``, or it is ended."""
GOODBYE_S = 5.0
"""How long a caller has to say that it has seen the end (TLS's close_notify), once all is sent."""
MOST_WAITING_BYTES = 64 * 1024
"""How much of an answer may wait for its reader before what makes it waits, too."""
_SENT_AND_UNSENT = struct.Struct("=120xQ16xI")
"""Where Linux's ``struct tcp_info`` has ``tcpi_bytes_acked`` and ``tcpi_notsent_bytes``: much that waits for its reader
waits in the kernel, and what the reader has taken shows only there."""

_faults = logging.getLogger("ringfence.hub.http")
_faults.setLevel(logging.ERROR)  # what callers do wrong is counted, and not logged one by one


class BoundedProtocol(HttpToolsProtocol):
    """HTTP on one counted connection; ``end_if_overdue`` ends it where its caller owes something."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],  # Any: as in uvicorn
        *,
        connection: CountedConnection,
        counted: Connections,
    ) -> None:
        super().__init__(config, server_state, app_state)
        self.logger = _faults
        self.connection = connection
        self.counted = counted
        self._is_in_head = True
        self._head_bytes = 0
        self._head_began_at: float | None = None
        self._is_in_body = False
        self._is_conversation = False
        self._body_bytes = self._received_bytes = 0
        self._body_began_at = self._body_moved_at = 0.0
        self._reader_watched_at: float | None = None
        self._taken_bytes = 0
        self._sent_all_at: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self.connection.transport = transport
        transport.set_write_buffer_limits(MOST_WAITING_BYTES)
        self._head_began_at = self.counted.time()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the connection's place to others."""
        super().connection_lost(exc)
        self.counted.remove(self.connection)

    def data_received(self, data: bytes) -> None:
        """Take bytes, and end a head that is too long, also one that comes before the last answer has ended."""
        if self.connection.is_ending:
            return
        if self._is_in_head:
            self._head_bytes += len(data)
            if self._head_began_at is None:
                self._head_began_at = self.counted.time()
        self._received_bytes += len(data)
        super().data_received(data)
        if self._is_in_head and self._head_bytes > LARGEST_HEAD_BYTES:
            self._end("a request's head is too long")
        elif self._is_in_body and self._received_bytes > LARGEST_HEAD_BYTES + MOST_AROUND_BODY * self._body_bytes:
            self._end("too much comes around a request's body")

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP; in the log it is one of many."""
        self.counted.note("what came is no HTTP", self.connection.address)
        super().send_400_response(msg)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one header of a head; those that come behind a body are nobody's."""
        if self._is_in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin with the body."""
        if self.connection.is_ending:
            return
        self._is_in_head, self._head_began_at, self._head_bytes = False, None, 0
        self._is_in_body, self._body_bytes, self._received_bytes = True, 0, 0
        self._is_conversation = False
        self._body_began_at = self._body_moved_at = self.counted.time()
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > LARGEST_HEAD_BYTES:
            self._end("a request's head is too long")
        elif len(self.pipeline) >= MOST_REQUESTS:
            self._end("too many requests before an answer")
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._body_bytes += len(body)
        self._body_moved_at = self.counted.time()
        if not self.connection.is_ending:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The body is whole; the next head may wait, but what begins has to end."""
        self._is_in_head, self._is_in_body = True, False
        if not self.connection.is_ending:
            super().on_message_complete()

    def end_if_overdue(self) -> None:
        """End the connection if it has waited in vain for what its caller owes."""
        if self.connection.is_ending:
            return
        now = self.counted.time()
        if self.flow.read_paused:  # it is us who do not read on
            if self._head_began_at is not None:
                self._head_began_at = now
            self._body_began_at, self._body_bytes, self._body_moved_at = now, 0, now
        if self._head_began_at is not None and now - self._head_began_at > HEAD_S:
            self._end("a request's head takes too long")
        elif self._is_in_body and self._is_body_overdue(now):
            self._end("a request's body takes too long")
        else:
            self._look_at_reader(now)

    def begin_conversation(self) -> None:
        """Let the request's body come as slowly as it likes: who answers it bounds it in time and size."""
        self._is_conversation = True

    def _is_body_overdue(self, now: float) -> bool:
        return not self._is_conversation and (now - self._body_moved_at > BODY_S or self._is_slow(now))

    def _is_slow(self, now: float) -> bool:
        return now - self._body_began_at > BODY_S + self._body_bytes / SLOWEST_BYTES_S

    def _look_at_reader(self, now: float) -> None:
        """End the connection if its reader takes too little, or says no goodbye once all is sent."""
        try:
            taken, unsent = taken_and_unsent(self.connection.line)
        except OSError:
            return  # it has ended by itself, and will be told so
        if unsent or self.transport.get_write_buffer_size():
            self._sent_all_at = None
            if self._is_unread(taken, now):
                self._end("an answer is not read, or too slowly")
            return
        self._reader_watched_at = None
        if not self.transport.is_closing():
            return
        if self._sent_all_at is None:
            self._sent_all_at = now
        elif now - self._sent_all_at > GOODBYE_S:
            self.counted.remove(self.connection)
            self.connection.end()

    def _is_unread(self, taken: int, now: float) -> bool:
        """Return whether the reader took too little in a while in which something waited for it all along."""
        watched_s = None if self._reader_watched_at is None else now - self._reader_watched_at
        if watched_s is not None and watched_s < READER_S:
            return False
        before, self._taken_bytes, self._reader_watched_at = self._taken_bytes, taken, now
        return watched_s is not None and taken - before < SLOWEST_BYTES_S * watched_s

    def _unsupported_upgrade_warning(self) -> None:
        self.counted.note("another protocol is asked for", self.connection.address)

    def _end(self, kind: str) -> None:
        self.counted.end(self.connection, kind)


def taken_and_unsent(line: socket.socket) -> tuple[int, int]:
    """Return how many bytes the peer has taken since the connection began, and how many wait in the kernel."""
    information = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _SENT_AND_UNSENT.size)
    taken, unsent = _SENT_AND_UNSENT.unpack(information)
    return taken, unsent
