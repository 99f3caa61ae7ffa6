"""A phone's own web server, as tests play it: well-behaved pages, and those that an attacker would give."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BIG_BYTES = 2 << 20


class PhonePages:
    """A web server at 127.0.0.1; keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.stopping = threading.Event()
        pages = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                said = {name.lower(): value for name, value in self.headers.items()}
                pages.asked.append((self.command, self.path, said, body))
                pages.answer(self)

            do_HEAD = do_POST = do_GET  # noqa: N815 - the names that http.server looks for

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in http.server
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """End it."""
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer as the path says."""
        path = handler.path.partition("?")[0]
        if path == "/drip":
            handler.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while not self.stopping.is_set():
                time.sleep(0.05)
                handler.wfile.write(b"x")
        elif path == "/drip-head":
            handler.wfile.write(b"HTTP/1.0 200 OK\r\n")
            while not self.stopping.is_set():
                time.sleep(0.05)
                handler.wfile.write(b"X")
        elif path == "/garbage":
            handler.wfile.write(b"\x00\xff no web server\r\n\r\n")
        else:
            self._page(handler, path)

    def _page(self, handler: BaseHTTPRequestHandler, path: str) -> None:
        headers = {
            "/own": [("Location", f"http://127.0.0.1:{self.port}/there?a=b")],
            "/tls": [("Location", "https://127.0.0.1/there")],
            "/away": [("Location", "http://192.0.2.66/evil")],
            "/other-port": [("Location", "http://127.0.0.1:1/there")],
            "/login": [("Set-Cookie", "session=s1; Path=/; HttpOnly"), ("X-Secret", "not for browsers")],
            "/locked": [("WWW-Authenticate", 'Basic realm="phone"')],
        }.get(path, [])
        is_open = path != "/locked" or "Authorization" in handler.headers
        status = 302 if headers and headers[0][0] == "Location" else 200 if is_open else 401
        body = b"y" * BIG_BYTES if path == "/big" else f"<html><script>1</script>{path}</html>".encode()
        handler.send_response(status)
        for name, value in headers:
            handler.send_header(name, value)
        handler.send_header("Content-Type", "text/html")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body)


@contextmanager
def phone_pages() -> Iterator[PhonePages]:
    """A phone's web server for a while."""
    pages = PhonePages()
    try:
        yield pages
    finally:
        pages.close()
