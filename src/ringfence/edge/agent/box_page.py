"""The box's own page, for whoever stands beside it: how it is, in words, and the home's Wi-Fi. Nothing else.

It listens behind the fence, which lets in whoever is at the phone's port, and from the home only what the owner opened.
So everybody who asks is a stranger: the page shows no secret, and its one form wants the word that the page itself
gave out, so that no other page in a browser can send it.
"""

import contextlib
import hmac
import html
import secrets
import socket
import socketserver
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs

from ringfence.edge.network.plan import PAGE_PORT
from ringfence.edge.reporting.log import Log
from ringfence.errors import RingfenceError
from ringfence.secret import Secret
from ringfence.wire.network_messages import NetworkWifi

MOST_AT_ONCE = 4
LONGEST_BODY = 2048
LONGEST_REQUEST_S = 15.0
MOST_TRIES, TRIES_WITHIN_S = 6, 600.0
"""How often a Wi-Fi network may be set: a guess costs the box its connection for a while."""
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Content-Type": "text/html; charset=utf-8",
}
_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:38rem;margin:2rem auto;padding:0 1rem}"
    "li{margin:.4rem 0}label{display:block;margin-top:1rem}"
    "input,button{font:inherit;padding:.5rem;width:100%;box-sizing:border-box}button{margin-top:1rem}"
    ".told{border-left:4px solid #777;padding-left:1rem}"
    "@media(prefers-color-scheme:dark){body{background:#111;color:#eee}}"
)


class BoxPage:
    """Serves the page on a socket until ``close``.

    Args:
        listening: A listening socket.
        words: Returns how the box is, a sentence each.
        join: Has the box try a Wi-Fi network; None where its uplink is a cable. It may raise RingfenceError.
        log: Receives its log lines.
        clock: Monotonic, in seconds.
    """

    def __init__(
        self,
        listening: socket.socket,
        words: Callable[[], Sequence[str]],
        join: Callable[[NetworkWifi], None] | None,
        log: Log,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._words = words
        self._join = join
        self._log = log
        self._clock = clock
        self._form_word = secrets.token_urlsafe(24)
        self._tries: deque[float] = deque(maxlen=MOST_TRIES)
        self._lock = threading.Lock()
        self._server = _PageServer(listening, self)

    def start(self) -> None:
        """Serve from a thread of its own."""
        threading.Thread(target=self._server.serve_forever, name="page", daemon=True).start()

    def close(self) -> None:
        """Serve no more."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, told: str = "", typed: str = "") -> bytes:
        """Return the page; ``told`` is what came of a form, ``typed`` the network's name in it."""
        lines = "".join(f"<li>{html.escape(line)}</li>" for line in self._words())
        came = f'<p class="told" role="status">{html.escape(told)}</p>' if told else ""
        return (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Ringfence box</title>'
            f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{_STYLE}</style></head>'
            f"<body><main><h1>Ringfence box</h1>{came}<ul>{lines}</ul>{self._form(typed)}</main></body></html>"
        ).encode()

    def _form(self, typed: str) -> str:
        if self._join is None:
            return ""
        return (
            f"<h2>Wi-Fi</h2><p>The box keeps what it knows: if the new network does not work, it goes back.</p>"
            f'<form method="post" action="/wifi"><input type="hidden" name="word" value="{self._form_word}">'
            f'<label for="ssid">Name of the network</label><input id="ssid" name="ssid" maxlength="64" required '
            f'autocomplete="off" value="{html.escape(typed, quote=True)}">'
            f'<label for="passphrase">Passphrase</label><input id="passphrase" name="passphrase" type="password" '
            f'minlength="8" maxlength="63" required autocomplete="off"><button>Connect</button></form>'
        )

    def take(self, form: dict[str, list[str]]) -> tuple[HTTPStatus, bytes]:
        """Try a Wi-Fi network that somebody typed; return the page that says what came of it."""
        said = {name: values[0] for name, values in form.items()}
        typed = said.get("ssid", "")
        if self._join is None:
            return HTTPStatus.NOT_FOUND, self.answer("The box's uplink is a cable, so there is no Wi-Fi to set.")
        if not hmac.compare_digest(said.get("word", "").encode(), self._form_word.encode()):
            return HTTPStatus.FORBIDDEN, self.answer("This form is from an older page. Type it once more.", typed)
        with self._lock:  # one network at a time
            now = self._clock()
            if len(self._tries) == MOST_TRIES and now - self._tries[0] < TRIES_WITHIN_S:
                wait_min = int((TRIES_WITHIN_S - (now - self._tries[0])) // 60) + 1
                told = f"That was tried {MOST_TRIES} times. Wait {wait_min} minutes."
                return HTTPStatus.TOO_MANY_REQUESTS, self.answer(told, typed)
            self._tries.append(now)
            try:
                self._join(NetworkWifi(typed, Secret(said.get("passphrase", "")), ""))
            except RingfenceError as fault:
                what = fault.what[:1].upper() + fault.what[1:]
                to_do = f" {fault.to_do}" if fault.to_do else ""
                return HTTPStatus.UNPROCESSABLE_ENTITY, self.answer(f"{what}.{to_do}", typed)
        self._log("warning", f"Somebody at the box has set the Wi-Fi network {typed!r}.")
        told = f"The box tries {typed}. That takes up to a minute; then open this page again."
        return HTTPStatus.OK, self.answer(told, typed)


class _PageServer(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """A few connections at once, each for one request and a bounded time."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, listening: socket.socket, page: BoxPage) -> None:
        self.page = page
        self._room = threading.BoundedSemaphore(MOST_AT_ONCE)
        address = listening.getsockname()
        super().__init__(address, _PageRequest, bind_and_activate=False)
        self.socket.close()
        self.socket = listening

    def verify_request(self, request: object, client_address: object) -> bool:
        """Return whether there is room for one more."""
        del request, client_address
        return self._room.acquire(blocking=False)

    def process_request_thread(self, request: socket.socket, client_address: tuple[str, int]) -> None:  # type: ignore[override]  # TCP's
        """Serve one connection, which ends in time whatever it does."""
        end = threading.Timer(LONGEST_REQUEST_S, _end, (request,))
        end.daemon = True
        end.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            end.cancel()
            self._room.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a connection that breaks off is not worth a line."""


class _PageRequest(BaseHTTPRequestHandler):
    """One request."""

    server: _PageServer
    server_version = "Ringfence"
    sys_version = ""
    timeout = 5.0

    def do_GET(self) -> None:
        """Answer the page."""
        if not self._is_for_us():
            return
        if self.path == "/":
            self._send(HTTPStatus.OK, self.server.page.answer())
        else:
            self._send(HTTPStatus.NOT_FOUND, self.server.page.answer("There is one page only, and this is it."))

    def do_POST(self) -> None:
        """Take the form."""
        if not self._is_for_us():
            return
        said = self.headers.get("Content-Length", "")
        if not (said.isascii() and said.isdecimal() and int(said[:6]) <= LONGEST_BODY):
            self._send(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, self.server.page.answer("That is too long."))
        elif self.path != "/wifi":
            self._send(HTTPStatus.NOT_FOUND, self.server.page.answer("There is one page only, and this is it."))
        else:
            body = self.rfile.read(int(said)).decode("utf-8", "replace")
            with contextlib.suppress(ValueError):
                self._send(*self.server.page.take(parse_qs(body, keep_blank_values=True, max_num_fields=8)))
                return
            self._send(HTTPStatus.BAD_REQUEST, self.server.page.answer("That is no form of this page."))

    def _is_for_us(self) -> bool:
        """Return whether the request names the address that it came to: a name may lead here from anywhere."""
        own = self.connection.getsockname()
        host = self.headers.get("Host", "")
        if host in {own[0], f"{own[0]}:{own[1]}"}:
            return True
        self._send(HTTPStatus.MISDIRECTED_REQUEST, b"This page is at the box's address, not at a name.")
        return False

    def _send(self, status: HTTPStatus, body: bytes) -> None:
        self.send_response(status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *_words: object) -> None:
        """Say nothing: whoever is at the port could fill the log."""


def open_listening(port: int = PAGE_PORT) -> socket.socket:
    """Return a socket that listens for the page; OSError if another program has the port."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("0.0.0.0", port))  # noqa: S104 - behind the fence; the port's address comes and goes
        listening.listen(MOST_AT_ONCE)
    except OSError:
        listening.close()
        raise
    return listening


def _end(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
