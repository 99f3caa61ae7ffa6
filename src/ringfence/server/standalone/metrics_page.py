"""Some pages over HTTP on a loop, such as ``GET /metrics``, and nothing else, for this machine alone."""

import contextlib
import errno
import os
import select
import socket
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from ringfence.server.errors import BadServeOption, ListenRefused, PortInUse
from ringfence.server.io.loop import Loop
from ringfence.server.io.sockets import listen_tcp

MOST_CONNECTIONS = 16
DEADLINE_S = 5.0
"""From a connection to its end, whatever the other side does."""
_LONGEST_HEAD_BYTES = 4096
_ANY_HOST = 0o666


@dataclass(frozen=True, slots=True)
class LocalPage:
    """What is answered: the status line's end, the body and its type."""

    status: str
    body: bytes
    kind: str = "text/plain; charset=utf-8"


Pages = Mapping[bytes, Callable[[], LocalPage]]
"""What is answered under which path."""


class LocalPages:
    """Answers on ``listen``'s sockets with what the path's function returns. It does not own the sockets."""

    def __init__(self, loop: Loop, pages: Pages) -> None:
        self._loop = loop
        self._pages = pages
        self._connections: set[_Connection] = set()

    def listen(self, listener: socket.socket) -> None:
        """Take connections from ``listener``."""
        self._loop.attach(listener.fileno(), select.EPOLLIN, lambda _, now: self._on_connection(listener, now))

    def close(self) -> None:
        """Close every connection."""
        for connection in list(self._connections):
            self._end(connection)

    def _on_connection(self, listener: socket.socket, now: float) -> None:
        try:
            endpoint, _ = listener.accept()
        except OSError:
            return  # it has gone, or there is no descriptor for it
        if len(self._connections) >= MOST_CONNECTIONS:
            endpoint.close()
            return
        endpoint.setblocking(False)
        connection = _Connection(endpoint)
        self._connections.add(connection)
        self._loop.attach(endpoint.fileno(), select.EPOLLIN, lambda _mask, _now: self._on_ready(connection))
        self._loop.call_at(now + DEADLINE_S, lambda _: self._end(connection))

    def _on_ready(self, connection: "_Connection") -> None:
        try:
            if connection.answer is None:
                if not connection.has_whole_head():
                    return
                connection.answer = answer_to(connection.head, self._pages)
                self._loop.change(connection.endpoint.fileno(), select.EPOLLOUT)
            connection.answer = connection.answer[connection.endpoint.send(connection.answer) :]
        except BlockingIOError:
            return
        except OSError:
            connection.answer = b""
        if not connection.answer:
            self._end(connection)

    def _end(self, connection: "_Connection") -> None:
        if connection in self._connections:
            self._connections.remove(connection)
            self._loop.detach(connection.endpoint.fileno())
            connection.endpoint.close()


class _Connection:
    def __init__(self, endpoint: socket.socket) -> None:
        self.endpoint = endpoint
        self.head = b""
        self.answer: bytes | None = None

    def has_whole_head(self) -> bool:
        """Read what has come. OSError: it ended, or nothing has come."""
        data = self.endpoint.recv(_LONGEST_HEAD_BYTES)
        if not data:
            raise ConnectionResetError
        self.head += data
        return b"\r\n\r\n" in self.head or b"\n\n" in self.head or len(self.head) > _LONGEST_HEAD_BYTES


def answer_to(head: bytes, pages: Pages) -> bytes:
    """Return the answer to a request with this head."""
    method, _, rest = head.partition(b"\n")[0].strip().partition(b" ")
    target, _, version = rest.partition(b" ")
    if len(head) > _LONGEST_HEAD_BYTES:
        return _answer("431 Request Header Fields Too Large")
    if not version.startswith(b"HTTP/1."):
        return _answer("400 Bad Request")
    page = pages.get(target.partition(b"?")[0])
    if page is None:
        return _answer("404 Not Found")
    if method not in {b"GET", b"HEAD"}:
        return _answer("405 Method Not Allowed", allow=True)
    return _written(page(), is_head=method == b"HEAD")


def _answer(status: str, *, allow: bool = False) -> bytes:
    return _written(LocalPage(status, f"{status[4:]}\n".encode()), *(["Allow: GET, HEAD"] if allow else []))


def _written(page: LocalPage, *more: str, is_head: bool = False) -> bytes:
    length = f"Content-Length: {len(page.body)}"
    lines = [f"HTTP/1.1 {page.status}", f"Content-Type: {page.kind}", length, "Connection: close", *more]
    head = "\r\n".join([*lines, "", ""]).encode()
    return head if is_head else head + page.body


def listen_for_metrics(address: tuple[str, int] | str) -> socket.socket:
    """Return a listening socket at a loopback (host, port), or at a path. PortInUse, ListenRefused."""
    if not isinstance(address, str):
        return listen_tcp(*address)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        _remove_left_behind(address)
        listener.bind(address)
        os.chmod(address, _ANY_HOST)  # noqa: PTH101 - counters are no secret here; the folder's own rights bound it
        listener.listen(MOST_CONNECTIONS)
    except OSError as fault:
        listener.close()
        if fault.errno == errno.EADDRINUSE:
            raise PortInUse("another program has this socket, or a file has its name", where=address) from fault
        raise ListenRefused(f"can't create a socket for the metrics: {fault.strerror}", where=address) from fault
    return listener


def _remove_left_behind(path: str) -> None:
    """Remove a socket that an earlier process left and nobody listens on."""
    with contextlib.suppress(FileNotFoundError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        if stat.S_ISSOCK(os.lstat(path).st_mode):
            try:
                probe.connect(path)
            except ConnectionRefusedError:
                os.unlink(path)  # noqa: PTH108 - pathlib is another megabyte


def require_loopback(host: str, where: str) -> None:
    """BadServeOption for an address that another machine could reach: the page is for this one."""
    try:
        is_loopback = ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise BadServeOption(
            "the metrics are available only on this machine",
            where=where,
            to_do="Give a loopback address such as 127.0.0.1:9169 or unix:/run/ringfence/metrics.sock; for other "
            "machines, put a proxy with a password in front of it.",
        )
