"""One listener at work: it accepts connections, counts them before TLS begins, and ends those that are overdue."""

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import Callable, Coroutine, Iterator

import uvicorn
from starlette.types import ASGIApp

from ringfence.hub.process.answers_in_parts import AnswersInParts
from ringfence.hub.process.bounded_http import HEAD_S, BoundedProtocol
from ringfence.hub.process.connections import Connections, CountedConnection, ListenerPlaces

GRACE_S = 12
"""How long running requests have to finish when the hub stops; its unit gives it 20 s in all."""
KEEP_ALIVE_S = 75
LOOK_EVERY_S = 2.0
_IDLE_ENDS_AFTER_S = 0.1
_LATE_S = 0.5
"""From when on the process is taken to have stood still."""
_MOST_STANDS = 10
"""How often in a row it may stand still before connections are judged all the same."""
_LOOP_GIVES_UP_S = 86_400.0
"""When the event loop itself ends a handshake or a goodbye: it knows neither how long this process has stood still nor
whether an answer is still being read."""
_REST_S = 0.1
"""How long accepting rests where the machine has no room for a connection."""


class ListeningServer(uvicorn.Server):
    """A listener whose process handles signals by itself: there are several of them.

    Args:
        name: What the log calls it.
        app: What answers.
        protocol: What speaks HTTP on its connections.
        context: Its TLS.
        places: How many connections it may have.
        is_proxy: Whether a proxy has an address, whose connections are of many callers.
    """

    def __init__(
        self,
        name: str,
        app: ASGIApp,
        protocol: type[BoundedProtocol],
        context: ssl.SSLContext,
        places: ListenerPlaces,
        is_proxy: Callable[[str], bool] = lambda _address: False,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                AnswersInParts(app),
                http=protocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,  # which proxies are believed is our own affair (proxies.py)
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=GRACE_S,
                ssl_context_factory=lambda _config, _default: context,
            )
        )
        self.listening = asyncio.Event()
        self.counted = Connections(name, places, is_proxy)
        self._protocol = protocol
        self._context = context
        self._work: set[asyncio.Task[None]] = set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept connections."""
        await self.lifespan.startup()
        self.servers = []
        for bound in sockets or []:
            bound.setblocking(False)
            self._begin(self._accept(bound))
        self._begin(self._end_overdue())
        self.started = True
        self.listening.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept nothing any more, let requests finish, then end what is left."""
        for task in self._work:
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)
        ending = asyncio.create_task(self._end_idle())
        try:
            await super().shutdown(sockets)
        finally:
            ending.cancel()
            for connection in self.counted:
                connection.end()
            await asyncio.sleep(0)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process."""
        yield

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def _accept(self, bound: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                line, peer = await loop.sock_accept(bound)
            except OSError as fault:
                if fault.errno != errno.ECONNABORTED:
                    self.counted.note("this machine has no room for a connection", "")
                    await asyncio.sleep(_REST_S)
                continue
            self._begin(self._open(self.counted.accept(line, peer[0])))

    async def _open(self, connection: CountedConnection) -> None:
        """Do the handshake of a connection; from then on its protocol has it."""
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: self._protocol(
                    self.config, self.server_state, self.lifespan.state, connection=connection, counted=self.counted
                ),
                connection.line,
                ssl=self._context,
                ssl_handshake_timeout=_LOOP_GIVES_UP_S,
                ssl_shutdown_timeout=_LOOP_GIVES_UP_S,
            )
        except ssl.SSLError:
            self.counted.note("a handshake fails", connection.address)
        except OSError:
            pass  # its caller, or the listener, has ended it
        finally:
            if connection.transport is None:
                connection.line.close()
                self.counted.remove(connection)

    async def _end_overdue(self) -> None:
        while True:
            for _time in range(_MOST_STANDS):  # after each, what has come meanwhile is read first
                late_s = await _late_after(LOOK_EVERY_S)
                if late_s <= _LATE_S:
                    break
                self.counted.stood_s += late_s
            for connection in self.counted:
                if connection.transport is None and self.counted.time() - connection.began_at > HEAD_S:
                    self.counted.end(connection, "a handshake takes too long")
            for protocol in list(self.server_state.connections):
                if isinstance(protocol, BoundedProtocol):
                    protocol.end_if_overdue()

    async def _end_idle(self) -> None:
        """End connections without a request: closing them waits for the peer's TLS goodbye, which may not come."""
        while True:
            await asyncio.sleep(_IDLE_ENDS_AFTER_S)
            for connection in list(self.server_state.connections):
                cycle = getattr(connection, "cycle", None)
                if (cycle is None or cycle.response_complete) and not connection.transport.get_write_buffer_size():
                    connection.transport.abort()


async def _late_after(sleep_s: float) -> float:
    """Sleep, and return how much longer that took than it should have."""
    loop = asyncio.get_running_loop()
    due_at = loop.time() + sleep_s
    await asyncio.sleep(sleep_s)
    return loop.time() - due_at
