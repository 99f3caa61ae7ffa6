"""A phone's own web page at a port of this machine, for the browser of whoever opened it, and for nobody else.

Invariants:

- It listens on 127.0.0.1 alone, and answers only who names its host, which holds a random word: no other site and no
  other user of this machine knows it, and a name that is rebound to 127.0.0.1 is another one.
- Cookies of the browser never go to the phone. Those that the phone sets stay in this process, for this session.
- A password that the browser sends goes to the phone once the phone has asked for one.
- What the phone's page may do in the browser ends at this host: other places get no request of its scripts.
"""

import base64
import hmac
import html
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ringfence.errors import RingfenceError
from ringfence.wire.phone_web_messages import (
    CHANGING,
    FROM_PHONES,
    LARGEST_BODY_BYTES,
    LONGEST_HEADER,
    LONGEST_TARGET,
    MOST_WAITING,
    READING,
    TO_PHONES,
)

ANSWER_WITHIN_S = 60.0
MOST_COOKIES = 20
_COOKIE_CHARACTERS = 1024
_IDLE_S = 30.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 1.0
_OF_BROWSERS = TO_PHONES - {"cookie"}
_OWN_SITE = frozenset({"none", "same-origin"})
_ALWAYS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'self' 'unsafe-inline' 'unsafe-eval' data:; connect-src 'self'; form-action 'self'; "
        "frame-ancestors 'self'; base-uri 'self'; object-src 'none'; worker-src 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
"""Headers of every answer."""

Post = Callable[[str, dict[str, object] | None], Any]
"""Sends something to the people's API and returns its answer in JSON's types; RingfenceError."""


@dataclass(frozen=True, slots=True)
class BrowserAnswer:
    """What goes back to the browser."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


class PhonePageRelay:
    """What carries a browser's requests through the hub to the phone, and knows the phone's cookies."""

    def __init__(self, post: Post, job_path: str, *, with_changes: bool = False) -> None:
        self._post = post
        self._path = f"{job_path}/phone-web"
        self.methods = READING | CHANGING if with_changes else READING
        self._cookies: dict[str, str] = {}
        self._asks_for_password = False
        self._is_tls = False
        self._lock = threading.Lock()

    def ask(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> BrowserAnswer:
        """Return what the phone answers, or a page that says why it does not."""
        asked: dict[str, object] = {
            "method": method, "target": target, "headers": self._sent(headers), "tls": self._is_tls,
            "body": base64.b64encode(body).decode(),
        }  # fmt: skip
        try:
            number = self._post(self._path, asked)["number"]
            pause_s, until = _FIRST_PAUSE_S, time.monotonic() + ANSWER_WITHIN_S
            while not (said := self._post(f"{self._path}/{number}", None))["answered"]:
                if time.monotonic() > until:
                    return problem_page(HTTPStatus.GATEWAY_TIMEOUT, "The edge brought no answer in time.")
                time.sleep(pause_s)
                pause_s = min(1.5 * pause_s, _LONGEST_PAUSE_S)
        except RingfenceError as fault:
            return problem_page(HTTPStatus.BAD_GATEWAY, str(fault))
        if said["problem"]:
            return problem_page(HTTPStatus.BAD_GATEWAY, said["problem"])
        return self._answered(said)

    def _sent(self, headers: Mapping[str, str]) -> list[tuple[str, str]]:
        with self._lock:
            cookies, knows_password = dict(self._cookies), self._asks_for_password
        found = [
            (name.lower(), value)
            for name, value in headers.items()
            if name.lower() in _OF_BROWSERS and (knows_password or name.lower() != "authorization")
        ]
        if cookies:
            found.append(("cookie", "; ".join(f"{name}={value}" for name, value in cookies.items())))
        return [(name, value) for name, value in found if len(value) <= LONGEST_HEADER and value.isascii()]

    def _answered(self, said: Mapping[str, Any]) -> BrowserAnswer:  # Any: JSON's types
        kept: list[tuple[str, str]] = []
        with self._lock:
            for name, value in said["headers"]:
                if name == "set-cookie":
                    self._keep(value)
                elif name in FROM_PHONES and value.isprintable() and value.isascii():
                    kept.append((name.title(), value))
            self._asks_for_password = self._asks_for_password or said["status"] == HTTPStatus.UNAUTHORIZED
            if any(name == "Location" for name, _value in kept):
                self._is_tls = bool(said["leads_to_tls"])
        return BrowserAnswer(int(said["status"]), tuple(kept), base64.b64decode(said["body"]))

    def _keep(self, cookie: str) -> None:
        name, is_one, value = cookie.partition(";")[0].strip().partition("=")
        ends = "max-age=0" in cookie.lower().replace(" ", "")
        if not is_one or not name or ends or not value:
            self._cookies.pop(name, None)
        elif len(name) + len(value) <= _COOKIE_CHARACTERS and (
            name in self._cookies or len(self._cookies) < MOST_COOKIES
        ):
            self._cookies[name] = value


def problem_page(status: int, what: str) -> BrowserAnswer:
    """Return a page that says what is wrong."""
    text = f"<!doctype html><title>Not shown</title><p>{html.escape(what)}</p>".encode()
    return BrowserAnswer(status, (("Content-Type", "text/html; charset=utf-8"),), text)


class PhonePageServer:
    """The port of this machine. Close it when the session is over."""

    def __init__(self, relay: PhonePageRelay) -> None:
        at_once = threading.BoundedSemaphore(MOST_WAITING)

        class Handler(_Handler):
            pass

        Handler.relay, Handler.at_once = relay, at_once
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.host = Handler.host = f"{secrets.token_hex(16)}.localhost:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, name="phone's page", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.server_port

    @property
    def url(self) -> str:
        """What the browser is to open."""
        return f"http://{self.host}/"

    def close(self) -> None:
        """Answer nobody any more."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """One request of a browser."""

    relay: PhonePageRelay
    at_once: threading.BoundedSemaphore
    host = ""
    timeout = _IDLE_S

    def do_GET(self) -> None:
        self._serve()

    do_HEAD = do_POST = do_GET  # noqa: N815 - the names that http.server looks for

    def _serve(self) -> None:
        if why := self._why_not():
            self._answer(problem_page(*why))
            return
        body = self._body()
        if body is None:
            self._answer(problem_page(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The request's body is too large."))
        elif not self.at_once.acquire(blocking=False):
            self._answer(problem_page(HTTPStatus.SERVICE_UNAVAILABLE, "Too many requests at the same time."))
        else:
            try:
                self._answer(self.relay.ask(self.command, self.path, dict(self.headers.items()), body))
            finally:
                self.at_once.release()

    def _why_not(self) -> tuple[int, str] | None:
        """Return with which status and sentence a request is refused; None if it is not."""
        hosts = self.headers.get_all("Host") or []
        if len(hosts) != 1 or not hmac.compare_digest(hosts[0].encode("utf-8", "replace"), self.host.encode()):
            return HTTPStatus.MISDIRECTED_REQUEST, "There is nothing here."
        if self.headers.get("Sec-Fetch-Site", "none") not in _OWN_SITE:
            return HTTPStatus.FORBIDDEN, "Another site asked for this."
        if self.headers.get("Origin", f"http://{self.host}") != f"http://{self.host}":
            return HTTPStatus.FORBIDDEN, "Another site asked for this."
        if self.command not in self.relay.methods:
            return HTTPStatus.METHOD_NOT_ALLOWED, "This session only reads. To change something: --allow-changes."
        if not self.path.startswith("/") or self.path.startswith("//") or len(self.path) > LONGEST_TARGET:
            return HTTPStatus.BAD_REQUEST, "This is no path."
        if "Transfer-Encoding" in self.headers:
            return HTTPStatus.LENGTH_REQUIRED, "A request says how long it is."
        return None

    def _body(self) -> bytes | None:
        said = self.headers.get("Content-Length", "0")
        if not said.isascii() or not said.isdecimal() or len(said) > 9 or int(said) > LARGEST_BODY_BYTES:  # noqa: PLR2004 - digits of a number that is compared next
            return None
        return self.rfile.read(int(said))

    def _answer(self, answer: BrowserAnswer) -> None:
        self.send_response_only(answer.status)
        for name, value in (*answer.headers, *_ALWAYS.items()):
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in http.server
        """Say nothing: paths of a phone's page are nobody's business."""
