"""The listeners' connections, bounded: how many, how long a request's head may take, and how long nothing may move.

Uvicorn bounds none of that by itself. An answer may take as long as it likes, as an event stream does, while its reader
reads.
"""

import asyncio
import resource
from collections import Counter
from typing import Any

import uvloop
from cachetools import TTLCache
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ringfence.hub import logs

LARGEST_HEAD_BYTES = 32 * 1024
HEAD_S = 10.0
"""How long a head may take, from its first byte; for a connection's first, from the connection's beginning."""
BODY_S = 30.0
"""How long a body may bring nothing; and in all, beside a second for each ``SLOWEST_BYTES_S`` of it."""
SLOWEST_BYTES_S = 1024
READER_STANDS_S = 60.0
"""How long a reader may take nothing of what waits for it."""
MOST_OF_ADDRESS = 256
"""How many connections one address may have to a listener: many edges may share one."""
LOOK_EVERY_S = 2.0
_SHARE_OF_DESCRIPTORS = 3
"""Each of two listeners has a third of the descriptors; the rest is for files and the database."""
_STRANGERS_SHARE = 4
"""Where callers show certificates, those without may have a quarter of the places."""
_LOGGED_EVERY_S = 60.0

_log = logs.get("connections")


def raise_descriptor_limit() -> None:
    """Let this process have as many descriptors as it may."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class BoundedLoop(uvloop.Loop):
    """An event loop whose listeners give a TLS handshake as long as a head, and not a minute."""

    # Any: whatever asyncio and uvloop take, who disagree about what is returned.
    async def create_server(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        """Create a server, with a shorter patience for handshakes."""
        if options.get("ssl") is not None:
            options.setdefault("ssl_handshake_timeout", HEAD_S)
        return await super().create_server(*arguments, **options)


def most_connections() -> int:
    """Return how many connections a listener may have."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] // _SHARE_OF_DESCRIPTORS


class Connections:
    """The open connections of one listener; used by the event loop's thread alone."""

    def __init__(self) -> None:
        self.by_address: Counter[str] = Counter()
        self.known = self.strangers = 0
        self._logged: TTLCache[str, bool] = TTLCache(100, _LOGGED_EVERY_S)

    def admit(self, address: str, *, is_known: bool | None) -> bool:
        """Count a new connection; return False, and count nothing, if it is one too many.

        Args:
            address: Where it comes from.
            is_known: Whether it showed a certificate; None on a listener where nobody does.
        """
        most = most_connections()
        most_strangers = most if is_known is None else most // _STRANGERS_SHARE
        if self.by_address[address] >= MOST_OF_ADDRESS:
            self.say("too many connections of one address", address)
        elif self.known + self.strangers >= most or (not is_known and self.strangers >= most_strangers):
            self.say("too many connections", address)
        else:
            self.by_address[address] += 1
            if is_known:
                self.known += 1
            else:
                self.strangers += 1
            return True
        return False

    def release(self, address: str, *, is_known: bool | None) -> None:
        """Count a connection no more."""
        if is_known:
            self.known -= 1
        else:
            self.strangers -= 1
        self.by_address[address] -= 1
        if not self.by_address[address]:
            del self.by_address[address]

    def say(self, why: str, address: str) -> None:
        """Log why connections are ended: a line a minute for each kind."""
        if why not in self._logged:
            self._logged[why] = True
            _log.warning("connection ended", why=why, peer=address)


class BoundedProtocol(HttpToolsProtocol):
    """HTTP whose connections are bounded; a subclass for each listener has its ``bounds``."""

    bounds = Connections()
    is_known: bool | None = None
    """Whether the connection showed a certificate; None on a listener where nobody does."""
    _address: str | None = None
    _looking: asyncio.TimerHandle | None = None
    _is_in_head = True
    _head_bytes = 0
    _head_began_at = 0.0
    _is_in_body = False
    _body_began_at = 0.0
    _body_bytes = 0
    _is_over = False
    _moved_at = 0.0
    _left = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Take a connection, unless there are too many."""
        address = str((transport.get_extra_info("peername") or ("",))[0])
        super().connection_made(transport)
        if not self.bounds.admit(address, is_known=self.is_known):
            transport.abort()
            return
        self._address, self._moved_at = address, self.loop.time()
        self._head_began_at = self._moved_at
        self._looking = self.loop.call_later(LOOK_EVERY_S, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the connection's place to others."""
        super().connection_lost(exc)
        if self._looking is not None:
            self._looking.cancel()
        if self._address is not None:
            self.bounds.release(self._address, is_known=self.is_known)
            self._address = None

    def data_received(self, data: bytes) -> None:
        """Take bytes, and end a head that is too long, also one that comes before the last answer has ended."""
        self._moved_at = self.loop.time()
        super().data_received(data)
        if self._is_in_head:
            self._head_bytes += len(data)
            if self._head_bytes > LARGEST_HEAD_BYTES:
                self._end("a request's head is too long")

    def on_message_begin(self) -> None:
        """Begin with a head."""
        if not self._is_in_head:
            self._is_in_head, self._head_bytes, self._head_began_at = True, 0, self.loop.time()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Begin with the body."""
        self._is_in_head, self._is_in_body = False, True
        self._body_began_at, self._body_bytes = self.loop.time(), 0
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > LARGEST_HEAD_BYTES:
            self._end("a request's head is too long")
            return
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._body_bytes += len(body)
        if not self._is_over:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The body is whole."""
        self._is_in_body = False
        if not self._is_over:
            super().on_message_complete()

    def _look(self) -> None:
        now = self.loop.time()
        self._looking = self.loop.call_later(LOOK_EVERY_S, self._look)
        left = self.transport.get_write_buffer_size()
        if self._is_in_head and now - self._head_began_at > HEAD_S:
            self._end("a request's head takes too long")
        elif self._is_in_body and (now - self._moved_at > BODY_S or self._is_slow(now)):
            self._end("a request's body takes too long")
        elif not left or left != self._left:
            if not self._is_in_body:
                self._moved_at = now
        elif now - self._moved_at > READER_STANDS_S:
            self._end("an answer is not read")
        self._left = left

    def _is_slow(self, now: float) -> bool:
        return now - self._body_began_at > BODY_S + self._body_bytes / SLOWEST_BYTES_S

    def _end(self, why: str) -> None:
        self._is_over = True
        self.bounds.say(why, self._address or "")
        self.transport.abort()
