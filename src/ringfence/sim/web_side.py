"""A virtual phone's web interface: it names the phone, and accepts ``/CGI/Execute`` (PHONES.md section 6).

A request is carried out if the phone's ``authenticationURL`` answers with the exact word AUTHORIZED. Keys with a
priority of 1 wait until nobody uses the phone.
"""

import base64
import binascii
import contextlib
import http.client
import http.server
import threading
import urllib.request
from collections.abc import Callable
from urllib.error import URLError
from urllib.parse import parse_qs, urlencode
from xml.sax.saxutils import quoteattr

from lxml import etree

from ringfence.phones.mac import Mac
from ringfence.phones.orders.web_interface import (
    ALLOWED,
    MOST_ITEMS,
    PATH,
    RESTART_KEYS,
    WHEN_IDLE,
)
from ringfence.phones.parsed_configuration import HeldConfiguration
from ringfence.sim.errors import WebPortInUse

_LARGEST_FORM = 8192
_ASK_S = 5.0
_NO_ACCESS, _BAD_OBJECT = 4, 1
"""Numbers of a CiscoIPPhoneError: the order was not allowed; it is no order."""


class WebSide:
    """One phone's web interface; ``on_restart`` is called, in a thread of its own, once its keys have been pressed."""

    def __init__(
        self,
        mac: Mac,
        address: tuple[str, int],
        held: Callable[[], HeldConfiguration | None],
        on_restart: Callable[[tuple[str, int]], None],
    ) -> None:
        self._mac, self._held, self._on_restart = mac, held, on_restart
        self._lock = threading.Lock()
        self._pressed: list[str] = []
        self._waiting: list[tuple[str, tuple[str, int]]] = []
        self._is_used = False
        try:
            self._server = http.server.ThreadingHTTPServer(address, _handler(self))
        except OSError as fault:
            raise WebPortInUse(
                f"phone {mac} can't open its web interface there: {fault.strerror}", where=f"{address[0]}:{address[1]}",
                to_do="Choose another port, or an address of its own; port 80 needs root.",
            ) from None  # fmt: skip
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True, name="phone-web")
        self._thread.start()

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        host, port = self._server.server_address[:2]
        return str(host), int(port)

    def use(self, *, now: bool) -> None:
        """Let somebody use the phone from now on, or nobody; then it does what waited for that."""
        with self._lock:
            self._is_used = now
            due, self._waiting = ([], self._waiting) if now else (self._waiting, [])
        for key, peer in due:
            self._press(key, peer)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def page(self) -> tuple[int, bytes]:
        """Return the status and the body of the phone's first page, which shows its name."""
        held = self._held()
        if held is None or not held.takes_web_orders:
            return 403, b"Forbidden"
        return 200, f"<DeviceInformation><HostName>SEP{self._mac.bare}</HostName></DeviceInformation>".encode()

    def take(self, form: bytes, authorization: str, peer: tuple[str, int]) -> tuple[int, bytes]:
        """Carry an order out; return the status and the body of the answer."""
        held = self._held()
        if held is None or not held.takes_web_orders:
            return 403, b"Forbidden"
        if held.authentication_url and not self._is_allowed(held.authentication_url, authorization):
            return 401, b'<CiscoIPPhoneError Number="%d"/>' % _NO_ACCESS
        items = _items(form)
        if items is None:
            return 200, b'<CiscoIPPhoneError Number="%d"/>' % _BAD_OBJECT
        for key, priority in items:
            with self._lock:
                waits = self._is_used and priority == WHEN_IDLE
                if waits:
                    self._waiting.append((key, peer))
            if not waits:
                self._press(key, peer)
        told = "".join(f'<ResponseItem URL={quoteattr(key)} Data="Success" Status="0"/>' for key, _priority in items)
        return 200, f"<CiscoIPPhoneResponse>{told}</CiscoIPPhoneResponse>".encode()

    def _press(self, key: str, peer: tuple[str, int]) -> None:
        with self._lock:
            self._pressed = [*self._pressed, key][-len(RESTART_KEYS) :]
            restarts = tuple(self._pressed) == RESTART_KEYS
            if restarts:
                self._pressed = []
        if restarts:
            self._on_restart(peer)

    def _is_allowed(self, url: str, authorization: str) -> bool:
        try:
            user, _colon, password = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        query = urlencode({"UserID": user, "Password": password, "devicename": f"SEP{self._mac.bare}"})
        request = urllib.request.Request(f"{url}?{query}")  # noqa: S310 - from the phone's own configuration
        with contextlib.suppress(URLError, TimeoutError):
            opener = urllib.request.build_opener(_FromHere(self.address[0]))
            with opener.open(request, timeout=_ASK_S) as answer:
                return bool(answer.read(len(ALLOWED) + 1) == ALLOWED)
        return False


class _FromHere(urllib.request.HTTPHandler):
    """Asks from the phone's own address."""

    def __init__(self, host: str) -> None:
        super().__init__()
        self._host = host

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(http.client.HTTPConnection, request, source_address=(self._host, 0))


def _items(form: bytes) -> list[tuple[str, int]] | None:
    """Return the keys that a form presses, with their priorities; None if it is no order."""
    try:
        said = parse_qs(form.decode("ascii"), strict_parsing=True, max_num_fields=4)["XML"][0]
        root = etree.fromstring(said, etree.XMLParser(resolve_entities=False, no_network=True))
        items = [(str(item.get("URL", "")), int(item.get("Priority", "0"))) for item in root.findall("ExecuteItem")]
    except (ValueError, KeyError, etree.XMLSyntaxError):
        return None
    return items if root.tag == "CiscoIPPhoneExecute" and 0 < len(items) <= MOST_ITEMS else None


def _handler(side: WebSide) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = _ASK_S

        def do_GET(self) -> None:
            self._answer(*(side.page() if self.path == "/" else (404, b"Not Found")))

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if self.path != PATH or not length.isdecimal() or int(length) > _LARGEST_FORM:
                self._answer(404, b"Not Found")
                return
            form = self.rfile.read(int(length))
            self._answer(*side.take(form, self.headers.get("Authorization", ""), self.client_address[:2]))

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Log nothing: what happened is a step of the phone."""

    return Handler
