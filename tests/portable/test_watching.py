"""A portable that looks for newer bundles: at a real hub, over TLS, with a password; and what it refuses."""

import base64
import http.server
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ringfence.hub.data.authority import new_authority, new_key
from ringfence.identity.certificates import key_to_pem, to_pem
from ringfence.portable import bundle as bundles
from ringfence.portable import primitives
from ringfence.portable.bundle import OpenBundle, open_bundle
from ringfence.portable.errors import DownloadRefused, HubOutOfReach, PortableFault, UnreadableBundle
from ringfence.portable.watching import HubKeys, Source, Watcher, fetch_newer
from ringfence.secret import Secret
from ringfence.server.tftp.client import fetch
from support.portable_home import BundlingHub, new_identity, refused, started
from support.running_hub import RunningHub
from support.serving_hub import served_hub

MAC = "001B54C2F401"
NAME = f"SEP{MAC}.cnf.xml"
IDENTITY, LOCK, IDENTITY_TEXT = new_identity()
HUB = BundlingHub()
PASSWORD = "rfd_made-up"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    with served_hub(tmp_path_factory.mktemp("hub") / "data") as served:
        yield served


@pytest.mark.slow
def test_it_downloads_what_is_not_there_takes_what_is_newer_and_ends_with_its_password(
    running: RunningHub, tmp_path: Path
) -> None:
    site = running.site("Home of Anna")
    running.phone(site, MAC)
    running.publish(sites=[site])
    row = running.do("POST", "/bundles", {"mac": MAC, "recipient": LOCK.recipient})
    program, file, home = tmp_path / "portable.pyz", tmp_path / "anna.rfb", tmp_path / "home"
    program.write_bytes(running.ask("GET", "/bundles/portable").data)
    for name, text in (("key", IDENTITY_TEXT), ("password", row["download_password"]), ("wrong", "rfd_guess")):
        (tmp_path / name).write_text(f"{text}\n")
    url = f"{running.people_url}/portable.rfb"
    words = (str(file), "--identity", str(tmp_path / "key"), "--no-page", "--watch", url, "--download-password-file")
    with started(program, *words, str(tmp_path / "password"), home=home) as portable:
        before = fetch(("127.0.0.1", portable.port), NAME)
    assert file.exists()
    running.do("PUT", f"/phones/{MAC}/lines/1", {"name": "201", "label": "Newer"})
    running.publish(sites=[site])
    with started(program, *words, str(tmp_path / "password"), home=home) as portable:
        server = ("127.0.0.1", portable.port)
        portable.until(lambda said: "A newer bundle has come: number 2" in said)
        after = fetch(server, NAME)
        assert b"Newer" in after
        assert b"Newer" not in before
    running.do("POST", f"/bundles/{row['id']}/revoke")
    with started(program, *words, str(tmp_path / "password"), home=home) as portable:
        said = portable.until(lambda said: "Could not look" in said)
        assert "the hub gives out no bundle: HTTP 401" in said
        assert fetch(("127.0.0.1", portable.port), NAME) == after
    file.unlink()
    status, said = refused(program, *words, str(tmp_path / "wrong"), "--port", "0", home=home)
    assert (status, "HTTP 401" in said) == (6, True)
    assert sorted(path.name for path in tmp_path.glob("anna*")) == []


@contextmanager
def server_of(answer: Callable[[http.server.BaseHTTPRequestHandler], None], tls: ssl.SSLContext) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as served:
        served.socket = tls.wrap_socket(served.socket, server_side=True)
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        try:
            yield f"https://127.0.0.1:{served.server_port}/portable.rfb"
        finally:
            served.shutdown()
            thread.join()


AUTHORITY = new_authority("A hub", time.time())


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    key = new_key()
    certificate = AUTHORITY.issue_server(key.public_key(), ("127.0.0.1",), time.time())
    (tmp_path / "hub.pem").write_bytes(to_pem(certificate).encode() + key_to_pem(key))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "hub.pem")
    return context


def sends(status: int, body: bytes = b"", **headers: str) -> Callable[[http.server.BaseHTTPRequestHandler], None]:
    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        expected = "Basic " + base64.b64encode(f"portable:{PASSWORD}".encode()).decode()
        assert request.headers["Authorization"] == expected
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return answer


@pytest.fixture
def current(tmp_path: Path) -> Iterator[OpenBundle]:
    HUB.write(tmp_path / "anna.rfb", LOCK, HUB.content(2))
    with open_bundle(tmp_path / "anna.rfb", IDENTITY, HUB.key, primitives.compiled()) as bundle:
        yield bundle


def looked(source: Source, tmp_path: Path, current: OpenBundle) -> tuple[Path, OpenBundle] | None:
    now = current.manifest.made_at
    keys = HubKeys(HUB.key)
    return fetch_newer(source, tmp_path / "anna.rfb", current, IDENTITY, keys, primitives.compiled(), now)


@pytest.mark.parametrize(("status", "made", "refusal"), [
    (200, lambda _hub, file: file.write_bytes(b"<html>"), "not a bundle"),
    (200, lambda hub, file: hub.write(file, LOCK, hub.content(2)), "has number 2, and this computer has had number 2"),
    (200, lambda hub, file: hub.write(file, LOCK, hub.content(1)), "has number 1"),
    (200, lambda hub, file: hub.write(file, LOCK, hub.content(3, bundle="bundle-of-ben")), "from another hub"),
    (200, lambda hub, file: hub.write(file, LOCK, hub.content(3, now=1e9)), "expired"),
    (200, lambda hub, file: hub.write(file, new_identity()[1], hub.content(3)), "identity does not open"),
    (200, lambda _hub, file: BundlingHub().write(file, LOCK), "from another hub"),
    (302, lambda _hub, file: file.write_bytes(b""), "HTTP 302"),
    (500, lambda _hub, file: file.write_bytes(b""), "HTTP 500"),
    (401, lambda _hub, file: file.write_bytes(b""), "HTTP 401"),
])  # fmt: skip
def test_what_is_no_newer_bundle_of_the_line_changes_nothing(
    tls: ssl.SSLContext, tmp_path: Path, current: OpenBundle, status: int,
    made: Callable[[BundlingHub, Path], object], refusal: str,
) -> None:  # fmt: skip
    made(HUB, sent := tmp_path / "sent")
    with server_of(sends(status, sent.read_bytes(), Location="https://127.0.0.1:1/"), tls) as url:
        source = Source(url, "portable", Secret(PASSWORD), AUTHORITY.pem)
        with pytest.raises(PortableFault, match=refusal):
            looked(source, tmp_path, current)
    assert not (tmp_path / "anna.rfb.new").exists()


def test_a_newer_one_is_taken_and_the_same_is_not_asked_for_twice(
    tls: ssl.SSLContext, tmp_path: Path, current: OpenBundle
) -> None:
    HUB.write(sent := tmp_path / "sent", LOCK, HUB.content(3))
    with server_of(sends(200, sent.read_bytes()), tls) as url:
        found = looked(Source(url, "portable", Secret(PASSWORD), AUTHORITY.pem), tmp_path, current)
    assert found is not None
    with found[1] as bundle:
        assert bundle.manifest.number == 3
    with server_of(sends(304), tls) as url:
        assert looked(Source(url, "portable", Secret(PASSWORD), AUTHORITY.pem), tmp_path, current) is None


def test_an_answer_without_end_and_a_hub_that_is_another_are_refused(
    tls: ssl.SSLContext, tmp_path: Path, current: OpenBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    with server_of(sends(200, b"x" * 200_000), tls) as url:
        with pytest.raises(HubOutOfReach, match="CERTIFICATE_VERIFY_FAILED"):
            looked(Source(url, "portable", Secret(PASSWORD)), tmp_path, current)
        monkeypatch.setattr(bundles, "LARGEST_FILE_BYTES", 100_000)
        with pytest.raises(HubOutOfReach, match="longer than a bundle"):
            looked(Source(url, "portable", Secret(PASSWORD), AUTHORITY.pem), tmp_path, current)
    with pytest.raises(HubOutOfReach, match="can't be reached"):
        looked(Source("https://127.0.0.1:1/x", "portable", Secret(PASSWORD)), tmp_path, current)
    for url in ("http://127.0.0.1/x", "ftp://x/y", "https://", "https://anna:password@hub.example.org/x", "x"):
        with pytest.raises(UnreadableBundle, match="https"):
            Source(url, "portable", Secret(PASSWORD))


def test_a_watcher_tells_each_fault_once_and_goes_on() -> None:
    asked = threading.Semaphore(0)

    def look() -> None:
        asked.release()
        raise DownloadRefused("hub-refused", why="HTTP 401")

    watcher = Watcher(look, 0.001)
    watcher.start()
    for _ in range(3):
        assert asked.acquire(timeout=60)
    fault = watcher.take_fault()
    watcher.stop()
    assert isinstance(fault, DownloadRefused)
    assert watcher.take() is None
