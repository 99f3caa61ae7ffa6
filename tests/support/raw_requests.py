"""A request's head on a TLS connection of its own, for what happens before the body."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit


@contextmanager
def connected(url: str, context: ssl.SSLContext) -> Iterator[ssl.SSLSocket]:
    address = urlsplit(url)
    with (
        socket.create_connection((str(address.hostname), address.port or 0), 60) as raw,
        context.wrap_socket(raw, server_hostname=str(address.hostname)) as line,
    ):
        line.settimeout(60)
        yield line


def answer_to_head(line: ssl.SSLSocket, method: str, path: str, header: str) -> bytes:
    """Send a request's head and nothing of its body; return what is answered until the connection ends."""
    line.sendall(f"{method} {path} HTTP/1.1\r\nHost: hub\r\n{header}\r\n\r\n".encode())
    got = b""
    while part := line.recv(65_536):
        got += part
    return got


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])
