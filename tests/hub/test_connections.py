"""Connections that want more than their share: slow heads, long heads, idle ones, too many, and forged addresses."""

import contextlib
import errno
import json
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ringfence.hub.process import bounded_http, connections, run, server
from ringfence.wire import paths
from support.running_hub import RunningHub
from support.serving_hub import served_hub


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "LOOK_EVERY_S", 0.05)


@contextlib.contextmanager
def opened(running: RunningHub, url: str, source: str = "127.0.0.1") -> Iterator[ssl.SSLSocket]:
    address = urlsplit(url)
    context = ssl.create_default_context(cafile=str(running.folder.authority_certificate))
    raw = socket.create_connection((str(address.hostname), address.port or 0), 20, source_address=(source, 0))
    with context.wrap_socket(raw, server_hostname=str(address.hostname)) as line:
        line.settimeout(60)
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
    monkeypatch.setattr(bounded_http, "HEAD_S", 0.2)
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
        line.settimeout(60)
        line.sendall(f"GET {paths.EVENTS} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert line.recv(100).startswith(b"HTTP/1.1 200")
        with contextlib.suppress(ConnectionError, ssl.SSLError):  # not a time-out: it must be ended
            line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
            for number in range(1000):
                line.sendall(b"X-%d: " % number + b"y" * 1000 + b"\r\n")
        with contextlib.suppress(OSError):
            while line.recv(65_536):
                pass


def test_a_handshake_that_does_not_come_ends_its_connection(
    running: RunningHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "HEAD_S", 0.2)
    with silent(running.people_url, "127.0.0.1") as line:
        assert line.recv(1) == b""


@pytest.mark.slow
@pytest.mark.parametrize("sent", ["nothing", "nothing, and it had stood before", "hello", "half a head"])
def test_nobody_pays_for_a_hub_that_stood_still(
    running: RunningHub, monkeypatch: pytest.MonkeyPatch, sent: str
) -> None:
    for module in (bounded_http, server):
        monkeypatch.setattr(module, "HEAD_S", 1.0)
    loop = running.hub.wakeups._loop
    assert loop is not None
    context = ssl.create_default_context(cafile=str(running.folder.authority_certificate))
    if sent == "nothing, and it had stood before":
        loop.call_soon_threadsafe(time.sleep, 3)
        time.sleep(3.5)  # the hub lets callers catch up at this moment, most probably
    with contextlib.ExitStack() as kept:
        if sent == "half a head":
            line = kept.enter_context(opened(running, running.people_url))
            line.sendall(b"GET /healthz HT")
            loop.call_soon_threadsafe(time.sleep, 3)
        else:
            raw = kept.enter_context(silent(running.people_url, "127.0.0.1"))
            if sent == "hello":
                time.sleep(0.1)  # it is accepted meanwhile, most probably
            loop.call_soon_threadsafe(time.sleep, 3)
            line = kept.enter_context(context.wrap_socket(raw, server_hostname="127.0.0.1"))
            line.sendall(b"GET /healthz HT")
        line.sendall(b"TP/1.1\r\nHost: x\r\n\r\n")
        assert line.recv(100).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("is_moving", [False, True])
def test_a_body_that_does_not_come_or_trickles_ends_its_connection(
    running: RunningHub, monkeypatch: pytest.MonkeyPatch, is_moving: bool
) -> None:
    monkeypatch.setattr(bounded_http, "BODY_S", 0.3)
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


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningHub]:
    """A hub whose listeners have ten places for strangers, three of them for one address, and five for others."""
    monkeypatch.setattr(run, "places", lambda _listeners, _most: connections.ListenerPlaces(10, 3, 5, 5))
    with served_hub(tmp_path / "small") as served:
        yield served


def silent(url: str, source: str) -> socket.socket:
    """A connection on which TLS never begins."""
    address = urlsplit(url)
    line = socket.create_connection((str(address.hostname), address.port or 0), 20, source_address=(source, 0))
    line.settimeout(60)
    return line


@pytest.mark.parametrize("port", ["people_url", "device_url"])
def test_a_connection_counts_before_its_handshake(small: RunningHub, port: str) -> None:
    with contextlib.ExitStack() as kept:
        first, *others = [kept.enter_context(silent(getattr(small, port), "127.0.0.9")) for _ in range(4)]
        assert first.recv(1) == b"", "an address has three"
        for line in others:
            line.settimeout(0.1)
            with pytest.raises(TimeoutError):
                line.recv(1)


def test_a_crowd_takes_no_others_place(small: RunningHub, tmp_path: Path) -> None:
    edge = small.enrol(small.site("Places"), tmp_path / "edge")
    with contextlib.ExitStack() as kept:
        for url in (small.people_url, small.device_url):
            for number in range(20):
                kept.enter_context(silent(url, f"127.0.0.{100 + number // 2}"))
        assert edge.get(paths.GREETING).status == 200
        with opened(small, small.people_url, "127.0.0.9") as line:
            line.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert line.recv(100).startswith(b"HTTP/1.1 200")


def test_who_is_known_is_no_stranger_any_more(small: RunningHub, tmp_path: Path) -> None:
    site = small.site("Known")
    small.phone(site, "00:1B:54:C2:7F:78")
    edge = small.enrol(site, tmp_path / "edge")
    with edge.events() as events, contextlib.ExitStack() as kept:
        assert next(events).kind == "greeting"
        person = kept.enter_context(opened(small, small.people_url))
        request = f"GET /api/v1/whoami HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {small.token.reveal()}\r\n\r\n"
        for _ in range(2):
            person.sendall(request.encode())
            answer = b""
            while b'"administrator"' not in answer:
                answer += person.recv(4096) or pytest.fail(f"ended after {answer!r}")
            for number in range(20):  # from the very address, and from others
                for url in (small.people_url, small.device_url):
                    kept.enter_context(silent(url, f"127.0.0.{1 + number % 10}"))
        assert edge.get(paths.GREETING).status == 200
        small.publish()
        assert next(events).kind in {"release", "state"}


def test_one_edge_takes_no_others_place(small: RunningHub, tmp_path: Path) -> None:
    site = small.site("Two")
    small.phone(site, "00:1B:54:C2:7F:79")
    greedy, modest = small.enrol(site, tmp_path / "greedy"), small.enrol(site, tmp_path / "modest")
    with contextlib.ExitStack() as kept, modest.events() as events:
        assert next(events).kind == "greeting"
        for _ in range(10):
            kept.enter_context(greedy.events())
        small.publish()
        assert next(events).kind in {"release", "state"}


@contextlib.contextmanager
def unread(running: RunningHub, answers: int) -> Iterator[ssl.SSLSocket]:
    """A connection with many long answers to come, and little room for them here."""
    address = urlsplit(running.people_url)
    context = ssl.create_default_context(cafile=str(running.folder.authority_certificate))
    with socket.socket() as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
        raw.settimeout(60)
        raw.connect((str(address.hostname), address.port or 0))
        with context.wrap_socket(raw, server_hostname=str(address.hostname)) as line:
            head = f"GET /openapi.json HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {running.token.reveal()}\r\n\r\n"
            for _ in range(answers):
                line.sendall(head.encode())
            yield line


@pytest.mark.slow
def test_an_answer_that_is_read_steadily_but_too_slowly_ends(
    running: RunningHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_http, "READER_S", 0.3)
    monkeypatch.setattr(bounded_http, "SLOWEST_BYTES_S", 10_000_000)
    taken = 0
    with unread(running, 12) as line, contextlib.suppress(OSError):
        while part := line.recv(4096):
            taken += len(part)
            time.sleep(0.01)
    assert taken < 12 * len(running.raw("GET", "/openapi.json").data), "it was ended before"


def test_an_answer_that_closes_its_connection_takes_as_long_as_it_takes(
    running: RunningHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_http, "GOODBYE_S", 0.1)
    head = f"GET /openapi.json HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {running.token.reveal()}\r\n"
    with unread(running, 0) as line:
        line.sendall(head.encode() + b"Connection: close\r\n\r\n")
        answer = b""
        while part := line.recv(16_384):
            answer += part
            time.sleep(0.05)
        assert len(answer) > len(running.raw("GET", "/openapi.json").data)


def test_who_says_no_goodbye_is_not_waited_for(running: RunningHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_http, "GOODBYE_S", 0.1)
    with silent(running.people_url, "127.0.0.1") as raw:
        tls = ssl.create_default_context(cafile=str(running.folder.authority_certificate))
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        line = tls.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
        with contextlib.suppress(ssl.SSLWantReadError):
            line.do_handshake()
        raw.sendall(outgoing.read())
        incoming.write(raw.recv(65_536))
        line.do_handshake()
        line.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        raw.sendall(outgoing.read())
        while raw.recv(65_536):  # and never a word back
            pass


def test_a_connection_that_is_gone_stops_no_look_at_the_others(
    running: RunningHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_line: socket.socket) -> tuple[int, int]:
        raise OSError(errno.EBADF, "Bad file descriptor")

    monkeypatch.setattr(bounded_http, "taken_and_unsent", gone)
    with opened(running, running.people_url) as line:
        line.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert line.recv(100).startswith(b"HTTP/1.1 200")
        monkeypatch.setattr(bounded_http, "HEAD_S", 0.2)
        with opened(running, running.people_url) as other:
            assert is_ended(other)


@pytest.mark.slow
def test_an_answer_over_a_thin_line_goes_on(running: RunningHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_http, "READER_S", 0.3)
    with unread(running, 12) as line:
        for _ in range(100):
            assert line.recv(4096)
            time.sleep(0.01)


def test_a_stream_outlives_every_limit(running: RunningHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HEAD_S", "BODY_S", "READER_S"):
        monkeypatch.setattr(bounded_http, name, 0.1)
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
