"""The page for the person at home: what to do, and what has happened; on this computer alone, and read-only."""

import base64
import hmac
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from http.server import BaseHTTPRequestHandler, HTTPServer

from ringfence.portable import words
from ringfence.portable.journal import HomeJournal, clock, name_of
from ringfence.portable.manifest import BundleManifest
from ringfence.portable.words import LANGUAGES, Language

_TIMEOUT_S = 5.0
_TOKEN_BYTES = 16
_EVERY_S = 5
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'",
}
_STYLE = """
:root { color-scheme: light dark; font: 1.1rem/1.5 system-ui, sans-serif; }
body { max-width: 42rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2rem; }
li { margin: .4rem 0; } .address { font: bold 1.4rem ui-monospace, monospace; }
time { font-variant-numeric: tabular-nums; opacity: .8; } nav { text-align: right; }
"""
_NAMES = {"en": "English", "de": "Deutsch"}


@dataclass(frozen=True, slots=True)
class PageFacts:
    """What the page is made from."""

    manifest: BundleManifest
    addresses: list[str]


def menus_of(manifest: BundleManifest, language: Language) -> list[str]:
    """Return in sentences how a person comes to “Alternate TFTP” at the phones: one for each menu that there is."""
    models: dict[str, set[str]] = {}
    for phone in manifest.phones:
        models.setdefault(phone.menu, set()).add(phone.model)
    return [
        words.say(language, "page-step-menu-of", models=words.joined(language, sorted(models[menu])), menu=menu)
        if menu
        else words.say(language, "page-step-menu")
        for menu in sorted(models, reverse=True)
    ]


class HomePage:
    """Serves the page at a random port of this computer, under a path that nobody guesses. ``close`` it."""

    def __init__(self, shown: Callable[[], PageFacts], journal: HomeJournal, language: Language) -> None:
        self._token = base64.urlsafe_b64encode(secrets.token_bytes(_TOKEN_BYTES)).decode().rstrip("=")
        self._shown, self._journal, self._language = shown, journal, language
        page = self

        class Handler(BaseHTTPRequestHandler):
            timeout = _TIMEOUT_S
            server_version, sys_version = "Ringfence", ""

            def do_GET(self) -> None:
                page.answer(self)

            def log_message(self, *_: object) -> None:
                """Say nothing: what is asked for holds the path that nobody is to know."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="page", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._server.server_port}/{self._token}/{self._language}"

    def close(self) -> None:
        """Serve it no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer one request: the page in a language, its style, or nothing."""
        host_is_ours = request.headers.get("Host") == f"127.0.0.1:{self._server.server_port}"
        _, token, name, *rest = [*request.path.split("/", 3), "", ""]
        if not host_is_ours or any(rest) or not hmac.compare_digest(token.encode(), self._token.encode()):
            self._send(request, 404, "text/plain; charset=utf-8", "")
        elif name == "style.css":
            self._send(request, 200, "text/css; charset=utf-8", _STYLE)
        elif name in _NAMES:
            self._send(request, 200, "text/html; charset=utf-8", self._html("de" if name == "de" else "en"))
        else:
            self._send(request, 404, "text/plain; charset=utf-8", "")

    @staticmethod
    def _send(request: BaseHTTPRequestHandler, status: int, kind: str, text: str) -> None:
        body = text.encode()
        request.send_response(status)
        for name, value in {**_HEADERS, "Content-Type": kind, "Content-Length": str(len(body))}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)

    def _html(self, language: Language) -> str:
        def say(key: str, **values: object) -> str:
            return escape(words.say(language, key, **values))

        shown = self._shown()
        addresses = " / ".join(shown.addresses)
        type_it = (
            say("type-address", addresses="\0").replace("\0", f'<span class="address">{escape(addresses)}</span>')
            if addresses
            else say("no-address")
        )
        menus = [escape(each) for each in menus_of(shown.manifest, language)]
        steps = [say("page-step-network"), *menus, say("page-step-unlock"), type_it,
                 say("page-step-restart"), say("page-step-keep")]  # fmt: skip
        events = [
            f"<li><time>{clock(each.at)}</time> {escape(each.sentence(language))}</li>"
            for each in self._journal.newest()
        ]
        phones = "".join(
            f"<li>{escape(name_of(each, language))} ({escape(each.model)})</li>" for each in shown.manifest.phones
        )
        others = " ".join(
            f'<a href="{each}" lang="{each}" hreflang="{each}">{_NAMES[each]}</a>'
            for each in LANGUAGES
            if each != language
        )
        happened = f"<ul>{''.join(events)}</ul>" if events else f"<p>{say('page-nothing')}</p>"
        return (
            f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">'
            f'<meta http-equiv="refresh" content="{_EVERY_S}"><title>{say("page-title")}</title>'
            f'<link rel="stylesheet" href="style.css"></head><body><nav>{others}</nav><main>'
            f"<h1>{say('page-title')}</h1><h2>{say('page-events')}</h2>{happened}<h2>{say('page-steps')}</h2>"
            f"<ol>{''.join(f'<li>{step}</li>' for step in steps)}</ol><h2>{say('page-phones')}</h2><ul>{phones}</ul>"
            f"<p>{say('page-reloads')}</p></main></body></html>"
        )
