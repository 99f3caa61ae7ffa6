import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ringfence.hub.core import open_hub
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.fleet import edges
from ringfence.secret import Secret
from support.chosen_database import copied
from support.raw_requests import connected, status_of
from support.running_hub import Clock, RunningHub

pytestmark = pytest.mark.slow

PROGRAM = """
import sys
from pathlib import Path
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.process.run import run
run(DataFolder(Path(sys.argv[1])))
"""
RUN = [sys.executable, "-c", PROGRAM]


@pytest.fixture
def folder(made_hub: tuple[Path, Secret], tmp_path: Path) -> DataFolder:
    copied(made_hub[0], tmp_path / "hub")
    return DataFolder(tmp_path / "hub")


@contextmanager
def process(folder: DataFolder, log: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A hub's own process, ended at the end; with its readiness line."""
    with (
        log.open("w") as stderr,
        subprocess.Popen([*RUN, str(folder.path)], stdout=subprocess.PIPE, stderr=stderr, text=True) as running,
    ):
        try:
            assert running.stdout is not None
            yield running, running.stdout.readline()
        finally:
            running.kill()


def is_refused(url: str) -> bool:
    address = urlsplit(url)
    try:
        socket.create_connection((str(address.hostname), address.port or 0), 60).close()
    except ConnectionError:  # refused, or it was in the queue of a listener that closes
        return True
    return False


def test_a_hub_says_where_it_listens_and_stops_within_three_seconds_with_a_stream_open(
    folder: DataFolder, made_hub: tuple[Path, Secret], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with process(folder, log) as (running, line):
        facts = json.loads((folder.path / "run.json").read_text())
        assert facts["pid"] == running.pid
        assert facts["people"] in line
        assert facts["device"] in line
        hub = open_hub(folder)
        served = RunningHub(folder, hub, made_hub[1], Clock())
        site = served.site("Home office Anna")
        edge = served.enrol(site, tmp_path / "edge")
        with edge.events() as events:
            assert next(events).kind == "greeting"
            running.send_signal(signal.SIGTERM)
            assert list(events) == [], "the stream ends by itself"
            assert running.wait(60) == 0
        hub.close()
        assert not (folder.path / "run.json").exists()
    told = [json.loads(line) for line in log.read_text().splitlines()]
    assert [entry["event"] for entry in told if entry["event"] in {"ready", "stopping", "stopped"}] == [
        "ready",
        "stopping",
        "stopped",
    ]
    assert {"edge enrolled", "edge connected"} <= {entry["event"] for entry in told}
    hub = open_hub(folder)
    with hub.database.reading() as session:
        (row,) = edges.find(session, site)
        assert not edges.is_connected(row, time.time())
    hub.close()


def test_a_request_under_way_is_answered_before_a_hub_that_was_stopped_ends(
    folder: DataFolder, made_hub: tuple[Path, Secret], tmp_path: Path
) -> None:
    body = b'{"value": "sip.example.net"}'
    head = (
        "PUT /api/v1/settings/organisation/sip_server HTTP/1.1\r\nHost: hub\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {made_hub[1].reveal()}\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
    )
    trusting = ssl.create_default_context(cafile=folder.authority_certificate)
    with process(folder, tmp_path / "log") as (running, _line):
        url = json.loads((folder.path / "run.json").read_text())["people"]
        with connected(url, trusting) as line:
            line.sendall(head.encode())
            assert b" 100 " in line.recv(1000), "the request has begun"
            running.send_signal(signal.SIGTERM)
            until = time.monotonic() + 60
            while not is_refused(url):
                assert time.monotonic() < until
            line.sendall(body)
            assert status_of(line.recv(65_536)) == 200
        assert running.wait(60) == 0


def test_no_secret_is_in_the_log(folder: DataFolder, made_hub: tuple[Path, Secret], tmp_path: Path) -> None:
    log = tmp_path / "log"
    with process(folder, log) as (running, _line):
        hub = open_hub(folder)
        served = RunningHub(folder, hub, made_hub[1], Clock())
        hub.close()
        site, mac = served.site("Quiet"), "00:1B:54:C2:E0:01"
        served.phone(site, mac)
        served.do("PUT", "/settings/organisation/sip_server", {"value": "sip.example.org"})
        token = served.token_for(site)
        secrets = [
            served.token.reveal(),
            token.secret.reveal(),
            served.do("POST", f"/phones/{mac}/lines/1/password/reveal")["password"],
            served.do("POST", "/api-tokens", {"name": "x"})["token"],
            "given-by-hand-7",
        ]
        served.do("PUT", f"/phones/{mac}/lines/1", {"password": "given-by-hand-7"})
        served.ask("PUT", f"/phones/{mac}/lines/1", {"password": ["given-by-hand-7"]})
        served.ask("GET", "/sites", token="rft_wrong-but-secret")
        served.ask_to_enrol(token.secret)
        served.ask_to_enrol(token.secret)
        served.publish()
        served.publish(dry_run=True)
        audit = json.dumps(served.do("GET", "/audit?limit=5000"))
        running.terminate()
        running.wait(120)
    text = log.read_text()
    assert "edge enrolled" in text
    for secret in [*secrets, "rft_wrong-but-secret"]:
        assert secret not in text
        assert secret not in audit


def run_until_it_fails(folder: DataFolder, **environment: str) -> str:
    done = subprocess.run(
        [*RUN, str(folder.path)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode != 0
    return done.stderr.strip().splitlines()[-1]


def test_a_port_in_use_is_named_with_its_address(folder: DataFolder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = run_until_it_fails(folder, RINGFENCE_HUB_DEVICE_PORT=str(port))
        assert f"port {port} on 127.0.0.1 is in use" in said
    assert not (folder.path / "run.json").exists()


def test_a_second_process_on_one_folder_is_refused(folder: DataFolder, tmp_path: Path) -> None:
    with process(folder, tmp_path / "log"):
        assert "another hub runs on this data folder" in run_until_it_fails(folder)
        assert (folder.path / "run.json").exists()


def test_a_hub_that_was_killed_starts_again(folder: DataFolder, tmp_path: Path) -> None:
    for _ in range(2):
        with process(folder, tmp_path / "log") as (running, line):
            assert "ready" in line
            running.kill()


def test_devices_speak_tls_1_3_only(folder: DataFolder, tmp_path: Path) -> None:
    with process(folder, tmp_path / "log"):
        url = json.loads((folder.path / "run.json").read_text())["device"]
        context = ssl.create_default_context(cafile=str(folder.authority_certificate))
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        port = int(url.rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port)) as plain, pytest.raises(ssl.SSLError):
            context.wrap_socket(plain, server_hostname="127.0.0.1")
