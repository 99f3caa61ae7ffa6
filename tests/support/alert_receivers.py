"""Who is told of alerts, in a test's own process: receivers of webhooks and mail; and a hub that tells them."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session
from sqlalchemy import select

from ringfence.hub.core import Hub
from ringfence.hub.fleet import alert_channels, sites
from ringfence.hub.fleet.alert_channels import MAIL, ChannelParts
from ringfence.hub.fleet.guard import alerts
from ringfence.hub.store.guard_models import AlertChannelRow, AlertNoticeRow
from ringfence.secret import Secret
from stack import free_port


@dataclass
class Receiver:
    """A webhook's receiver; it answers with ``status``."""

    status: int = 204
    posts: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _headers, body in self.posts]


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.posts.append((dict(self.headers.items()), body))
            self.send_response(receiver.status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:  # noqa: ANN401 - the base class's signature
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/hook?team=voice"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def add(hub: Hub, name: str, parts: ChannelParts) -> Secret:
    with hub.change("test") as change:
        there = replace(parts, networks=hub.config.alert_networks)
        return alert_channels.add(change, hub.sealer, name, there)[1]


def raise_one(hub: Hub, subject: str = "edge-1", site: str = "anna", kind: str = alerts.EDGE_AWAY) -> int:
    with hub.change("test") as change:
        return alerts.raise_alert(change, site, kind, subject, f"Edge {subject} has not been seen.").id


def end(hub: Hub, alert: int) -> None:
    with hub.change("Anna") as change:
        alerts.close(change, alert)


def channel(hub: Hub, name: str) -> AlertChannelRow:
    with hub.database.reading() as session:
        return alert_channels.get(session, name)


def waiting(hub: Hub) -> int:
    with hub.database.reading() as session:
        return len(session.scalars(select(AlertNoticeRow)).all())


def pass_time(hub: Hub, seconds: float) -> None:
    now = hub.clock() + seconds
    hub.clock = lambda: now


def prepared(idle: Hub) -> Hub:
    """A hub with two sites, whose alerts may go to this machine."""
    with idle.change("test") as change:
        sites.create(change, idle.signers, "Anna")
        sites.create(change, idle.signers, "Berta")
    now = time.time()  # receivers refuse what is older than five minutes
    idle.clock = lambda: now
    idle.config = idle.config.model_copy(update={"alert_networks": ("127.0.0.0/8",)})
    return idle


@dataclass
class MailServer:
    """A mail server that keeps what it takes."""

    mails: list[tuple[Envelope, EmailMessage]] = field(default_factory=list)
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)

    async def handle_DATA(self, _server: object, _session: object, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        assert isinstance(envelope.content, bytes)
        self.mails.append((envelope, message_from_bytes(envelope.content, policy=policy.default)))
        return "250 OK"

    def authenticate(
        self, _server: object, _session: Session, _envelope: Envelope, mechanism: str, data: LoginPassword
    ) -> AuthResult:
        del mechanism
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"p4ss", handled=True)


@contextmanager
def mail_server(**how: Any) -> Iterator[tuple[MailServer, int]]:  # noqa: ANN401 - aiosmtpd's own options
    kept = MailServer()
    port = free_port()
    controller = Controller(kept, hostname="127.0.0.1", port=port, authenticator=kept.authenticate, **how)
    controller.start()
    try:
        yield kept, port
    finally:
        controller.stop()


def mail_by(url: str, user: str = "", secret: str = "") -> ChannelParts:
    return ChannelParts(MAIL, url, ["noc@example.org", "boss@example.org"], "hub@example.org", user, Secret(secret))
