"""The HTTPS adapter against a real TLS server: pinning, resuming, cut lines, refusals, clocks that are years off."""

import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ringfence.content.digests import sha256_hex
from ringfence.content.errors import EndlessData
from ringfence.edge.agent import https_hub_client
from ringfence.edge.agent.clock import HubClock
from ringfence.edge.agent.https_hub_client import HttpHubClient
from ringfence.edge.agent.hub_trust import fetch_authority, verified_context
from ringfence.edge.errors import HubRefused, HubUnreachable
from ringfence.identity.certificates import (
    fingerprint,
    issue_server_certificate,
    key_to_pem,
    make_authority,
    to_pem,
)
from ringfence.identity.errors import WrongAuthority
from ringfence.wire import paths
from ringfence.wire.messages import Report, ReportBatch
from stack import free_port

BLOB = bytes(range(256)) * 1000
LONG_AGO = 1_000_000_000.0  # September 2001
YEAR_S = 365 * 86_400


@dataclass
class Server:
    """A hub's device listener with answers to order; ``cut_after`` bytes of a blob it hangs up."""

    folder: Path
    made_at: float
    hub_time: float
    cut_after: int | None = None
    ranges: bool = True
    refuse: tuple[int, bytes] | None = None
    shown_first: str = ""
    asked: list[str] = field(default_factory=list)
    events: tuple[bytes, ...] = ()
    hold_events: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        key, self.authority_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        self.authority = make_authority(self.authority_key, "CA", serial=1, now=self.made_at)
        certificate = issue_server_certificate(
            self.authority, self.authority_key, key.public_key(), ["127.0.0.1"], serial=2, now=self.made_at
        )
        chain = self.folder / "server.pem"
        chain.write_bytes(key_to_pem(key) + to_pem(certificate).encode())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        self.listener = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.listener.daemon_threads = True
        self.listener.socket = context.wrap_socket(self.listener.socket, server_side=True)
        self.thread = threading.Thread(target=self.listener.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.listener.server_address[1]}"

    def client(self, clock: HubClock | None = None) -> HttpHubClient:
        return HttpHubClient([self.url], verified_context(to_pem(self.authority)), clock or HubClock())

    def close(self) -> None:
        self.hold_events.set()
        self.listener.shutdown()
        self.thread.join()
        self.listener.server_close()


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:  # noqa: C901 - a handler per path, each a few lines
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:  # noqa: ANN401 - the base class's signature
            pass

        def do_GET(self) -> None:
            server.asked.append(self.path)
            if server.refuse is not None:
                self._answer(*server.refuse)
            elif self.path == paths.AUTHORITY:
                self._answer(200, (server.shown_first + to_pem(server.authority)).encode())
            elif self.path == paths.GREETING:
                greeting = {"edge_id": "e", "site_id": "s", "site_name": "S", "hub_version": "0", "release": 1}
                self._answer(200, json.dumps({**greeting, "hub_time": server.hub_time}).encode())
            elif self.path == paths.EVENTS:
                self._stream()
            elif self.path.startswith(paths.BLOBS):
                self._blob()
            else:
                self._answer(404, b'{"what":"no such metadata","kind":"not-found"}')

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._answer(200, json.dumps({"stored_through": body["reports"][-1]["seq"]}).encode())

        def _answer(self, status: int, body: bytes, extra: tuple[tuple[str, str], ...] = ()) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            for name, value in extra:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def _blob(self) -> None:
            begin = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
            if begin >= len(BLOB):
                self._answer(416, b"{}")
                return
            begin = begin if server.ranges else 0
            rest = BLOB[begin:]
            self.send_response(206 if begin else 200)
            self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            if server.cut_after is not None:
                self.wfile.write(rest[: server.cut_after])
                self.close_connection = True
                return
            self.wfile.write(rest)

        def _stream(self) -> None:
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for part in server.events:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
                self.wfile.flush()
            server.hold_events.wait(10)
            self.close_connection = True

    return Handler


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path, made_at=LONG_AGO, hub_time=LONG_AGO)
    yield made
    made.close()


def test_a_clock_that_is_years_off_locks_nobody_out_and_is_set_by_the_hub(server: Server) -> None:
    clock = HubClock()  # this machine believes that it is decades after the certificate's end
    client = server.client(clock)
    assert client.greeting().site_name == "S"
    assert abs(clock.now() - LONG_AGO) < 60
    client.close()


def test_a_hub_certificate_that_ended_by_the_hubs_own_time_is_refused(server: Server) -> None:
    server.hub_time = LONG_AGO + 3 * YEAR_S
    client = server.client()
    with pytest.raises(HubUnreachable, match="certificate expired"):
        client.greeting()
    client.close()


def test_the_floor_keeps_an_old_certificate_from_coming_back(server: Server) -> None:
    client = server.client(HubClock(floor=LONG_AGO + 3 * YEAR_S))  # we have seen later times than this one
    with pytest.raises(HubUnreachable, match="certificate expired"):
        client.greeting()
    client.close()


def test_time_goes_on_from_what_the_hub_said_and_never_below_the_floor() -> None:
    clock = HubClock(floor=5_000_000_000.0)
    assert clock.now() == 5_000_000_000.0
    clock.learn(4_000_000_000.0)
    assert clock.now() == 5_000_000_000.0
    clock.learn(6_000_000_000.0)
    assert 6_000_000_000.0 <= clock.now() < 6_000_000_060.0


def test_a_hub_of_another_authority_is_not_talked_to(server: Server) -> None:
    stranger = make_authority(ec.generate_private_key(ec.SECP256R1()), "CA", serial=1, now=LONG_AGO)
    client = HttpHubClient([server.url], verified_context(to_pem(stranger)), HubClock())
    with pytest.raises(HubUnreachable, match="its certificate is another's"):
        client.greeting()
    client.close()
    assert server.asked == []


def test_a_hub_that_is_not_the_pinned_one_is_told_from_the_token_alone(server: Server) -> None:
    assert fetch_authority(server.url, fingerprint(server.authority)) == to_pem(server.authority)
    with pytest.raises(WrongAuthority, match="not the hub that created this token"):
        fetch_authority(server.url, "ab" * 32)


def test_a_fingerprint_stands_for_one_certificate_and_nothing_beside_it(server: Server) -> None:
    true = make_authority(ec.generate_private_key(ec.SECP256R1()), "CA", serial=1, now=LONG_AGO)
    server.shown_first = to_pem(true)
    authority = fetch_authority(server.url, fingerprint(true))
    assert authority == to_pem(true)
    client = HttpHubClient([server.url], verified_context(authority), HubClock())
    with pytest.raises(HubUnreachable, match="its certificate is another's"):
        client.greeting()
    client.close()


def test_nobody_there_is_said_as_such() -> None:
    client = HttpHubClient(["https://127.0.0.1:9"], ssl.create_default_context(), HubClock())
    with pytest.raises(HubUnreachable, match="can't be reached"):
        client.greeting()
    client.close()


def test_a_cut_download_gives_what_came_and_goes_on_from_there(server: Server) -> None:
    client = server.client()
    server.cut_after = 150_000
    part = client.blob(sha256_hex(BLOB), 0)
    came = b""
    with pytest.raises(HubUnreachable):  # noqa: PT012 - what came before the fault is the point
        for chunk in part.chunks:
            came += chunk
    assert BLOB.startswith(came)
    assert came
    server.cut_after = None
    rest = client.blob(sha256_hex(BLOB), len(came))
    assert rest.offset == len(came)
    assert came + b"".join(rest.chunks) == BLOB
    client.close()


def test_a_hub_that_can_not_continue_begins_at_the_start(server: Server) -> None:
    server.ranges = False
    client = server.client()
    part = client.blob(sha256_hex(BLOB), 1000)
    assert (part.offset, b"".join(part.chunks)) == (0, BLOB)
    beyond = client.blob(sha256_hex(BLOB), len(BLOB) + 5)
    assert (beyond.offset, b"".join(beyond.chunks)) == (0, BLOB)
    client.close()


def test_missing_metadata_is_none_and_endless_metadata_is_cut_off(server: Server) -> None:
    client = server.client()
    assert client.metadata("2.root.json", 100) is None
    server.refuse = (200, b"x" * 101)
    with pytest.raises(EndlessData):
        client.metadata("timestamp.json", 100)
    client.close()


def test_refusals_keep_their_kind_and_faults_of_the_hub_are_passing(server: Server) -> None:
    client = server.client()
    server.refuse = (403, b'{"what":"this edge was revoked","kind":"edge-revoked","to_do":"Enrol again."}')
    with pytest.raises(HubRefused, match="Enrol again") as refused:
        client.greeting()
    assert refused.value.kind == "edge-revoked"
    server.refuse = (502, b"<html>bad gateway</html>")
    with pytest.raises(HubUnreachable, match="status 502"):
        client.greeting()
    client.close()


def test_events_come_as_they_are_sent_over_any_chunk_border_and_end_when_closed(server: Server) -> None:
    line = b'data: {"kind":"release","hub_time":1.0,"release":7}\n\n'
    server.events = (b": alive\n\n", line[:9], line[9:] + b'data: {"kind":"later-kind","hub_time":2}\n')
    client = server.client()
    events = client.events()
    assert next(events).release == 7
    assert next(events).kind == "later-kind"
    closer = threading.Timer(0.1, client.close)
    closer.start()
    with pytest.raises(HubUnreachable):
        next(events)
    closer.join()


def test_reports_are_acknowledged(server: Server) -> None:
    client = server.client()
    assert client.report(ReportBatch((Report(1, 1.0, "file-served", "x"),))).stored_through == 1
    client.close()


def test_a_fault_of_our_own_is_not_the_hubs_absence(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    client = server.client()

    def broken(*_: object, **__: object) -> None:
        raise AttributeError("a name that is not there")

    monkeypatch.setattr(client._way.pool, "urlopen", broken)
    with pytest.raises(AttributeError, match="a name that is not there"):
        client.greeting()
    client.close()


def test_a_connection_that_comes_about_after_the_end_is_not_used(server: Server) -> None:
    client = server.client()
    client._is_closed = True  # as `close` leaves it while another thread is in the midst of connecting
    with pytest.raises(HubUnreachable, match="was closed"):
        next(client.events())
    assert server.asked == []
    client.close()


def test_the_stream_begins_at_the_first_address_that_answers_and_requests_follow_it(
    server: Server, tmp_path: Path
) -> None:
    (tmp_path / "stranger").mkdir()
    stranger = Server(tmp_path / "stranger", server.made_at, server.hub_time)
    server.events = stranger.events = (b'data: {"kind":"greeting","hub_time":1}\n\n',)
    nobody = "https://127.0.0.1:9"
    client = HttpHubClient([nobody, stranger.url, server.url], verified_context(to_pem(server.authority)), HubClock())
    try:
        assert client.url == nobody
        assert next(client.events()).kind == "greeting"
        assert client.url == server.url, "a server with another CA is not the hub, whatever its address"
        assert client.greeting().site_id == "s"
        assert stranger.asked == []
    finally:
        client.close()
        stranger.close()


def test_a_hub_that_is_nowhere_is_told_of_with_every_address(server: Server) -> None:
    context = verified_context(to_pem(server.authority))
    client = HttpHubClient(["https://127.0.0.1:9", "https://127.0.0.2:9"], context, HubClock())
    with pytest.raises(HubUnreachable) as told:
        next(client.events())
    assert "at any of its addresses: https://127.0.0.1:9: " in told.value.what
    assert "; https://127.0.0.2:9: " in told.value.what
    assert client.url == "https://127.0.0.1:9"


def test_an_edge_goes_back_to_the_first_address_once_that_answers(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(https_hub_client, "TRY_FIRST_EVERY_S", 0.0)
    greeting = b'data: {"kind":"greeting","hub_time":1}\n\n'
    server.events = (greeting, b":\n\n", b":\n\n")
    port = free_port()
    client = HttpHubClient(
        [f"https://127.0.0.1:{port}", server.url], verified_context(to_pem(server.authority)), HubClock()
    )
    try:
        stream = client.events()
        assert next(stream).kind == "greeting"
        assert client.url == server.url
        monkeypatch.setattr(client, "_answers", lambda way: way.url.endswith(str(port)))
        assert list(stream) == []
    finally:
        client.close()
