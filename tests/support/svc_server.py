"""A head end that answers phones at /svc as ocserv 1.2 does, by its source: no tunnel, but all that comes before."""

import contextlib
import ssl
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

from cryptography import x509
from cryptography.x509.oid import NameOID

from ringfence.identity.certificates import to_pem
from ringfence.secret import Secret

_COOKIE = "AbCd+/12=="


@dataclass
class SvcServer:
    """What such a head end knows, and what it heard."""

    passwords: Mapping[str, str] = field(default_factory=dict)
    names: frozenset[str] = frozenset()
    """The common names of phones' certificates that may come in."""
    address: str = ""
    heard: list[str] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_GET(self) -> None:
        self._heard()
        self._ask_to_sign_in() if self.path == "/svc" else self._answer(404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        self._heard(body)
        knows, fields = self.server.knows, parse_qs(body)
        if knows.names:
            self._let_in() if self._common_name() in knows.names else self._answer(401)
            return
        name, password = (fields.get(each, [""])[0] for each in ("username", "password"))
        if not name or not password:
            self._ask_to_sign_in()
        elif knows.passwords.get(name) == password:
            self._let_in()
        else:
            self._answer(401)

    def do_CONNECT(self) -> None:
        self._heard()
        self._answer(200 if self.headers.get("Cookie") == f"webvpn={_COOKIE}" else 401)

    def _heard(self, body: str = "") -> None:
        self.server.knows.heard.append(f"{self.command} {self.path} {body}".strip())

    def _ask_to_sign_in(self) -> None:
        gone = "webvpn=; expires=Thu, 01 Jan 1970 22:00:00 GMT; path=/; secure"
        self._answer(200, gone, "webvpnlogin=1; secure")

    def _let_in(self) -> None:
        self._answer(200, f"webvpn={_COOKIE}; secure")

    def _answer(self, status: int, *cookies: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        for cookie in cookies:
            self.send_header("Set-Cookie", cookie)
        self.send_header("X-Transcend-Version", "1")
        self.end_headers()

    def _common_name(self) -> str:
        der = self.connection.getpeercert(binary_form=True) if isinstance(self.connection, ssl.SSLSocket) else None
        if der is None:
            return ""
        names = x509.load_der_x509_certificate(der).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return str(names[0].value)

    def log_message(self, *_words: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    knows: SvcServer

    def handle_error(self, *_what: object) -> None:
        pass


@contextlib.contextmanager
def svc_server(
    shown: tuple[Secret, x509.Certificate], knows: SvcServer | None = None, authority: str = "", *, port: int = 0
) -> Iterator[SvcServer]:
    """A head end that shows a certificate; with ``authority`` phones must show one of that CA."""
    knows = knows or SvcServer()
    key, certificate = shown
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "server.pem"
        path.write_text(key.reveal() + to_pem(certificate))
        context.load_cert_chain(path)
    if authority:
        context.load_verify_locations(cadata=authority)
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.verify_mode = ssl.CERT_REQUIRED
        context.maximum_version = ssl.TLSVersion.TLSv1_2  # as phones speak it: a refusal ends the handshake
    server = _Server(("127.0.0.1", port), _Handler)
    server.knows = knows
    server.socket = context.wrap_socket(server.socket, server_side=True)
    knows.address = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield knows
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
