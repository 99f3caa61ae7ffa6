"""Connections that want more than their share: slow heads, long heads, idle ones, too many, and forged addresses."""

import contextlib
import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ringfence.hub.process import connections
from ringfence.wire import paths
from stack import wait_for
from support.running_hub import RunningHub


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "LOOK_EVERY_S", 0.05)


@contextlib.contextmanager
def opened(running: RunningHub, url: str, source: str = "127.0.0.1") -> Iterator[ssl.SSLSocket]:
    address = urlsplit(url)
    context = ssl.create_default_context(cafile=str(running.folder.authority_certificate))
    raw = socket.create_connection((str(address.hostname), address.port or 0), 20, source_address=(source, 0))
    with context.wrap_socket(raw, server_hostname=str(address.hostname)) as line:
        line.settimeout(20)
        yield line


def is_ended(line: ssl.SSLSocket) -> bool:
    try:
        return line.recv(65_536) == b""
    except TimeoutError:
        raise
    except OSError:
        return True


@pytest.mark.parametrize("port", ["people_url", "device_url"])
@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\nX: y"])
def test_a_head_that_does_not_come_ends_its_connection(
    running: RunningHub, monkeypatch: pytest.MonkeyPatch, port: str, sent: bytes
) -> None:
    monkeypatch.setattr(connections, "HEAD_S", 0.2)
    with opened(running, getattr(running, port)) as line:
        line.sendall(sent)
        assert is_ended(line)


@pytest.mark.parametrize("port", ["people_url", "device_url"])
def test_a_head_without_end_is_not_kept(running: RunningHub, port: str) -> None:
    with opened(running, getattr(running, port)) as line:
        with contextlib.suppress(OSError):
            line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
            for number in range(1000):
                line.sendall(b"X-%d: " % number + b"y" * 1000 + b"\r\n")
        assert is_ended(line)


@pytest.mark.parametrize("long", ["GET /{x} HTTP/1.1", "GET / HTTP/1.1\r\nX: {x}"])
def test_a_head_that_comes_at_once_and_is_too_long_is_refused(running: RunningHub, long: str) -> None:
    with opened(running, running.people_url) as line:
        line.sendall(long.format(x="x" * 50_000).encode() + b"\r\nHost: x\r\n\r\n")
        assert is_ended(line)


def test_a_head_behind_an_open_stream_has_the_same_bounds(running: RunningHub, tmp_path: Path) -> None:
    edge = running.enrol(running.site("Behind a stream"), tmp_path / "edge")
    address = urlsplit(running.device_url)
    context = running.device_context()
    context.load_cert_chain(edge.folder / "certificate.pem", edge.folder / "key.pem")
    raw = socket.create_connection((str(address.hostname), address.port or 0), 20)
    with context.wrap_socket(raw, server_hostname=str(address.hostname)) as line:
        line.settimeout(20)
        line.sendall(f"GET {paths.EVENTS} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert line.recv(100).startswith(b"HTTP/1.1 200")
        with contextlib.suppress(ConnectionError, ssl.SSLError):  # not a time-out: it must be ended
            line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
            for number in range(1000):
                line.sendall(b"X-%d: " % number + b"y" * 1000 + b"\r\n")
        with contextlib.suppress(OSError):
            while line.recv(65_536):
                pass


@pytest.mark.slow
def test_a_handshake_that_does_not_come_ends_its_connection(running: RunningHub) -> None:
    address = urlsplit(running.people_url)
    with socket.create_connection((str(address.hostname), address.port or 0), 20) as line:
        line.settimeout(connections.HEAD_S + 20)
        assert line.recv(1) == b""


@pytest.mark.parametrize("is_moving", [False, True])
def test_a_body_that_does_not_come_or_trickles_ends_its_connection(
    running: RunningHub, monkeypatch: pytest.MonkeyPatch, is_moving: bool
) -> None:
    monkeypatch.setattr(connections, "BODY_S", 0.3)
    with opened(running, running.people_url) as line:
        head = f"POST /api/v1/sites HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {running.token.reveal()}\r\n"
        line.sendall(head.encode() + b"Content-Length: 100000\r\n\r\n{")
        line.settimeout(0.05)
        for _ in range(1000):
            with contextlib.suppress(TimeoutError):
                if is_ended(line):
                    return
            if is_moving:
                with contextlib.suppress(OSError):
                    line.sendall(b"x")
        pytest.fail("it is still open")


def test_strangers_leave_most_places_to_edges(
    running: RunningHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edge = running.enrol(running.site("Places"), tmp_path / "edge")
    monkeypatch.setattr(connections, "most_connections", lambda: 40)
    with contextlib.ExitStack() as kept:
        lines = [kept.enter_context(opened(running, running.device_url, "127.0.0.9")) for _ in range(15)]
        assert is_ended(lines[-1]), "a quarter is for those who show no certificate"
        assert edge.get(paths.GREETING).status == 200


def test_one_address_takes_no_others_place(running: RunningHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST_OF_ADDRESS", 5)
    with contextlib.ExitStack() as kept:
        for _ in range(5):
            kept.enter_context(opened(running, running.people_url, "127.0.0.9"))
        with opened(running, running.people_url, "127.0.0.9") as line:
            assert is_ended(line)
        with opened(running, running.people_url, "127.0.0.10") as line:
            line.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert line.recv(100).startswith(b"HTTP/1.1 200")
    wait_for("the places", lambda: not connections.BoundedProtocol.bounds.by_address["127.0.0.9"] or None)


def test_a_stream_outlives_every_limit(running: RunningHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HEAD_S", "BODY_S", "READER_STANDS_S"):
        monkeypatch.setattr(connections, name, 0.1)
    site = running.site("Stream")
    running.phone(site, "00:1B:54:C2:7F:77")
    edge = running.enrol(site, tmp_path / "edge")
    with edge.events() as events:
        assert next(events).kind == "greeting"
        with opened(running, running.people_url) as line:
            assert is_ended(line), "so that the limits have passed more than once"
        running.publish(sites=[site])
        assert next(events).kind in {"release", "state"}


def test_a_forged_address_is_not_believed(running: RunningHub) -> None:
    running._people.request(
        "GET", "/api/v1/sites", headers={"Authorization": "Bearer rft_x", "X-Forwarded-For": "192.0.2.9"}
    )
    items = running.do("GET", "/audit?limit=500")["items"]
    assert "192.0.2.9" not in json.dumps(items)
    assert running.stranger("GET", paths.AUTHORITY).status == 200
