"""An HTTP proxy that knows CONNECT only (RFC 9110 section 9.3.6), with a user and password if it is told one."""

import base64
import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class ConnectProxy:
    """Where it listens, and which hosts it was asked to connect to."""

    port: int = 0
    password: str = ""
    asked: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its address, without a password."""
        return f"http://127.0.0.1:{self.port}"

    def answers(self, line: socket.socket) -> None:
        """Read one request's head and do as it says."""
        head = b""
        while b"\r\n\r\n" not in head:
            head += line.recv(4096) or b"\r\n\r\n"
        method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
        self.asked.append(target)
        wanted = base64.b64encode(self.password.encode())
        if method != "CONNECT":
            line.sendall(b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n")
        elif self.password and b"Basic " + wanted not in head:
            line.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        else:
            host, _, port = target.rpartition(":")
            with socket.create_connection((host.strip("[]"), int(port))) as hub:
                line.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=_carry, args=(hub, line), daemon=True)
                back.start()
                _carry(line, hub)
                back.join()


def _carry(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while part := source.recv(65_536):
            sink.sendall(part)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def connect_proxy(password: str = "") -> Iterator[ConnectProxy]:
    """Give a proxy that runs for the length of the block; ``password`` is ``user:password``."""
    proxy = ConnectProxy(password=password)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                proxy.answers(self.request)

    class Listener(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Listener(("127.0.0.1", 0), Handler) as listener:
        proxy.port = listener.server_address[1]
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield proxy
        finally:
            listener.shutdown()
            thread.join()
