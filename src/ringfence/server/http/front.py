"""HTTP/1.1 on the loop, for phones that ask TCP port 6970 before they ask by TFTP: the same files, admitted alike.

PHONES.md section 2: a phone that gets a 404 here does not ask again over TFTP, so either all files are served, or
nothing listens. Nothing is listed, and no answer describes the server.

Limits (``HttpLimits``): connections in total and per source, the size of a request's header and the time that it may
take, the time without a request, and the time of a transfer. Beyond each limit the connection is closed.
"""

import os
import select
import socket

from ringfence.server.access.admission import Admission
from ringfence.server.errors import ControlBroken
from ringfence.server.http.challenges import Challenges
from ringfence.server.http.connection import Connection, State
from ringfence.server.http.tls_line import TlsPeer, receive_peer
from ringfence.server.io.loop import Loop
from ringfence.server.io.sockets import accept
from ringfence.server.limits.settings import DEFAULT_HTTP_LIMITS, HttpLimits, is_scarce

ACCEPTED_PER_TURN = 64
PAUSE_S = 0.1
"""Between two tries to take a connection when no descriptor is left."""
LOOK_S = 0.5
"""How often deadlines are looked at."""


class HttpFront:
    """Serves what ``admission`` gives out on ``listen``'s sockets until it is closed. It does not own the sockets."""

    def __init__(self, loop: Loop, admission: Admission, *, limits: HttpLimits = DEFAULT_HTTP_LIMITS) -> None:
        self._loop = loop
        self._admission = admission
        self._limits = limits
        self._listeners: list[socket.socket] = []
        self._connections: set[Connection] = set()
        self._per_source: dict[str, int] = {}
        self._lines: list[socket.socket] = []
        self._looks = False
        self._challenges = Challenges(os.urandom(32))

    def listen(self, listener: socket.socket) -> None:
        """Take connections from ``listener`` (``sockets.listen_tcp``)."""
        self._listeners.append(listener)
        self._loop.attach(listener.fileno(), select.EPOLLIN, lambda _, now: self._on_connections(listener, now))

    def take_over_tls(self, line: socket.socket) -> None:
        """Take the connections that come over ``line``, whose TLS another process has ended (``tls_line``)."""
        self._lines.append(line)
        line.setblocking(False)
        self._loop.attach(line.fileno(), select.EPOLLIN, lambda _, now: self._on_tls(line, now))

    @property
    def connection_count(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    def drain(self) -> None:
        """Take no new connection, and end those without a request; the others go on."""
        for listener in self._listeners:
            self._loop.detach(listener.fileno())
        self._listeners.clear()
        for connection in list(self._connections):
            if connection.is_idle:
                connection.end()

    def close(self) -> None:
        """End every connection."""
        for connection in list(self._connections):
            connection.stop()

    def set_limits(self, limits: HttpLimits) -> None:
        """Go by other limits from the next connection on."""
        self._limits = limits

    def _on_connections(self, listener: socket.socket, now: float) -> None:
        for _ in range(ACCEPTED_PER_TURN):
            try:
                endpoint, peer = accept(listener)
            except (BlockingIOError, ConnectionError):
                return  # all taken, or it has gone before we looked
            except OSError:
                self._pause(listener, now)
                return
            self._take(endpoint, peer, now)

    def _on_tls(self, line: socket.socket, now: float) -> None:
        for _ in range(ACCEPTED_PER_TURN):
            try:
                received = receive_peer(line)
            except BlockingIOError:
                return
            except (OSError, ControlBroken):
                received = None
            if received is None:
                self._loop.detach(line.fileno())
                self._lines.remove(line)
                line.close()
                return
            peer, endpoint = received
            self._take(endpoint, (peer.host, peer.port), now, peer)

    def _pause(self, listener: socket.socket, now: float) -> None:
        """Let a connection wait that there is no descriptor for; otherwise the loop would try without end."""
        self._loop.change(listener.fileno(), 0)

        def go_on(_now: float) -> None:
            if listener in self._listeners:
                self._loop.change(listener.fileno(), select.EPOLLIN)

        self._loop.call_at(now + PAUSE_S, go_on)

    def _take(self, endpoint: socket.socket, peer: tuple[str, int], now: float, tls: TlsPeer | None = None) -> None:
        host, port = peer
        open_of_source = self._per_source.get(host, 0)
        why = ""
        is_beyond_share = open_of_source >= self._limits.connections_per_source
        if is_beyond_share and is_scarce(len(self._connections), self._limits.connections):
            why = f"it already has {open_of_source} connections open, and others need the rest"
        elif len(self._connections) >= self._limits.connections:
            why = f"{len(self._connections)} connections are open"
        if why:
            endpoint.close()
            self._admission.note("", host, port, f"Closed an HTTP connection from {host}: {why}.")
            return
        self._per_source[host] = open_of_source + 1
        connection = Connection(
            endpoint,
            peer,
            loop=self._loop,
            admission=self._admission,
            challenges=self._challenges,
            limits=self._limits,
            on_over=self._on_over,
            now=now,
            tls=tls,
        )
        self._connections.add(connection)
        if not self._looks:
            self._looks = True
            self._loop.call_at(now + LOOK_S, self._look_at_deadlines)

    def _look_at_deadlines(self, now: float) -> None:
        for connection in list(self._connections):
            if connection.deadline <= now and connection.state is not State.OVER:
                connection.expire(now)
        self._looks = bool(self._connections)
        if self._looks:
            self._loop.call_at(now + LOOK_S, self._look_at_deadlines)

    def _on_over(self, connection: Connection) -> None:
        self._connections.discard(connection)
        host = connection.host
        self._per_source[host] -= 1
        if not self._per_source[host]:
            del self._per_source[host]
