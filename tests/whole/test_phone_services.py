"""A phone on an edge's wire and the hub's CAPF and TVS: the real relay, the real way, TLS from end to end."""

import contextlib
import ctypes
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ringfence.content.hub_endpoints import HubEndpoints
from ringfence.edge.agent.clock import HubClock
from ringfence.edge.agent.enrolment import enrol
from ringfence.edge.agent.hub_connection import https_client
from ringfence.edge.phones.phone_services import PhoneServicesPort
from ringfence.edge.storage.disk import Disk
from ringfence.edge.storage.folder import EdgeFolder
from ringfence.phones.trust.capf import CapfReason
from ringfence.phones.trust.roles import TrustRole
from ringfence.phones.trust.tvs import TvsStatus
from ringfence.server.processes.handles import LauncherProcess
from ringfence.sim import tvs_client
from ringfence.sim.capf_client import CapfClient, CapfPhone, phone_context
from ringfence.wire.phone_services import MOST_A_MINUTE, MOST_OF_PHONE, PORTS
from support.connect_proxy import connect_proxy
from support.namespaces import Wire, entered
from support.phone_identities import identity, old_identity
from support.running_hub import RunningHub
from support.serving_hub import served_hub
from support.trusted_hub import CAPF, TVS, certificate, trust

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root makes network namespaces"),
    pytest.mark.slow,
]

EDGE, PHONE_AT = "192.0.2.1", "192.0.2.9"
BARE = "001122334455"
NAME = f"SEP{BARE}"
PATH = "/phones/00:11:22:33:44:55/certificate"
WITHIN_S = 60.0


@contextlib.contextmanager
def at_home(home: int) -> Iterator[None]:
    """Let this thread be where the hub is, as an edge's agent can reach both."""
    libc = ctypes.CDLL(None, use_errno=True)
    there = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        assert libc.setns(home, 0x40000000) == 0
        yield
    finally:
        assert libc.setns(there, 0x40000000) == 0
        os.close(there)


class EdgeOnWire:
    """An edge between a wire with one phone and its hub."""

    def __init__(self, running: RunningHub, site: str, folder: Path, wire: Wire, proxy: str = "") -> None:
        self.running, self.site, self.wire = running, site, wire
        edge = EdgeFolder(folder, Disk())
        enrol(edge, running.token_for(site).to_text(), proxy)
        self.client = https_client(edge, HubClock(), HubEndpoints())
        self.client.greeting()
        self.home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        self.phones = {BARE}
        self.said: list[str] = []
        self._came: list[str] = []
        with entered(wire.server):
            self.launcher = LauncherProcess()
            self.port = PhoneServicesPort([EDGE], self.launcher)
            self.port.start(self._carry, self.phones.__contains__, lambda _level, text: self.said.append(text))

    @property
    def carried(self) -> int:
        """How many connections came to the agent."""
        return len(self._came)

    def _carry(self, service: str, mac: str, line: socket.socket) -> None:
        self._came.append(mac)
        with at_home(self.home):
            self.client.carry_phone(service, mac, line)

    def connect(self, service: str = "capf") -> socket.socket:
        """A connection of what is at the other end of the wire."""
        (port,) = [each[2] for each in self.port.addresses if each[0] == service]
        with entered(self.wire.client):
            return socket.create_connection((EDGE, port), WITHIN_S)

    def relay(self) -> int:
        """The relay's number, after a phone came."""
        with self.connect():
            eventually(lambda: self.port.pid is not None)
        assert self.port.pid is not None
        return self.port.pid

    def comes(self, phone: CapfPhone, *, newest_tls: str = "") -> tuple[CapfReason, str | None]:
        context = phone_context(certificate(self.running, CAPF), newest_tls=newest_tls)
        with contextlib.closing(CapfClient(self.connect(), context)) as client:
            return client.run(phone), client.version

    def goes_through(self) -> bool:
        """Whether the phone gets through; not while two of its connections from before have yet to end."""
        try:
            return self.comes(CapfPhone(NAME, identity(f"CP-9971-{NAME}")))[0] is CapfReason.NO_ACTION
        except (OSError, EOFError):
            return False

    def close(self) -> None:
        self.client.close()
        self.port.close()
        self.launcher.close()
        os.close(self.home)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    with served_hub(tmp_path_factory.mktemp("hub") / "data") as served:
        yield trust(served)


@pytest.fixture(scope="module")
def site(running: RunningHub) -> str:
    site = running.site("Home")
    running.phone(site, "00:11:22:33:44:55")
    return site


@pytest.fixture
def wire() -> Iterator[Wire]:
    with Wire([f"{EDGE}/24"], [f"{PHONE_AT}/24"]) as made:
        have_mac(made, "00:11:22:33:44:55")
        yield made


def have_mac(wire: Wire, mac: str) -> None:
    subprocess.run(["ip", "-n", wire.client, "link", "set", "wire", "address", mac], check=True)
    subprocess.run(["ip", "-n", wire.server, "neigh", "flush", "all"], check=True)


@pytest.fixture
def edge(running: RunningHub, site: str, wire: Wire, tmp_path: Path) -> Iterator[EdgeOnWire]:
    with contextlib.closing(EdgeOnWire(running, site, tmp_path / "edge", wire)) as made:
        yield made


def eventually(what: Callable[[], bool], pause_s: float = 0.02) -> None:
    until = time.monotonic() + WITHIN_S
    while not what():
        assert time.monotonic() < until
        time.sleep(pause_s)


def ends(line: socket.socket) -> bool:
    """Whether the other side ends a connection on which nothing is said."""
    line.settimeout(WITHIN_S)
    try:
        return line.recv(1) == b""
    except ConnectionResetError:
        return True
    finally:
        line.close()


def test_a_phone_of_2008_shows_its_certificate_through_its_edge(edge: EdgeOnWire) -> None:
    phone = CapfPhone(NAME, old_identity(f"CP-7965G-{NAME}"), signs_sha2=False)
    assert edge.comes(phone, newest_tls="1.0") == (CapfReason.NO_ACTION, "TLSv1")
    assert phone.mic is not None
    shown = edge.running.do("GET", PATH)["certificates"][0]  # the one that was seen last
    assert (shown["kind"], int(shown["serial"], 16)) == ("mic", phone.mic.certificate.serial_number)


def test_a_phone_gets_a_certificate_while_others_ask_tvs(edge: EdgeOnWire) -> None:
    phone = CapfPhone(NAME, identity(f"CP-8841-{NAME}"), signs_for_session=True)
    edge.running.do("POST", f"{PATH}/issue", {})
    waiting = edge.connect("tvs")  # it is open meanwhile
    assert edge.comes(phone)[0] is CapfReason.UPDATE_CERTIFICATE
    assert phone.lsc is not None
    about = tvs_client.der_of(certificate(edge.running, CAPF))
    answer = tvs_client.ask(waiting, phone_context(certificate(edge.running, TVS)), f"CP-8841-{NAME}", about)
    assert (answer.status, answer.roles) == (TvsStatus.VALID, (TrustRole.CAPF,))
    edge.running.do("DELETE", PATH)
    edge.running.do("DELETE", f"{PATH}/order")


def test_whoever_takes_no_files_here_is_not_let_through(edge: EdgeOnWire) -> None:
    have_mac(edge.wire, "02:00:00:00:00:77")
    assert ends(edge.connect())
    assert "no phone that takes its files here" in edge.said[0]


def test_a_phone_that_calls_itself_another_is_refused_by_the_hub(edge: EdgeOnWire) -> None:
    edge.running.phone(edge.site, "00:11:22:33:44:66")
    phone = CapfPhone("SEP001122334466", identity("CP-9971-SEP001122334466"))
    assert edge.comes(phone)[0] is CapfReason.INVALID_ELEMENT
    found = edge.running.do("GET", "/phones/00:11:22:33:44:66/certificate")
    assert found["certificates"] == []


def test_a_hub_that_is_away_ends_the_connection_at_once_and_the_next_one_goes_through(
    edge: EdgeOnWire, tmp_path: Path
) -> None:
    edge.client.close()
    assert ends(edge.connect())
    eventually(lambda: any("CAPF was ended" in text for text in edge.said))  # the phone hears of it first
    folder = EdgeFolder(tmp_path / "edge", Disk())
    edge.client = https_client(folder, HubClock(), HubEndpoints())
    assert edge.comes(CapfPhone(NAME, identity(f"CP-9971-{NAME}")))[0] is CapfReason.NO_ACTION


def test_one_address_has_so_many_connections_and_no_more(edge: EdgeOnWire) -> None:
    held = [edge.connect("tvs") for _each in range(MOST_OF_PHONE)]
    assert ends(edge.connect("tvs"))
    for line in held:
        line.close()
    eventually(edge.goes_through, pause_s=1)  # it may come so many times a minute


def test_one_address_comes_so_often_and_no_more_often(edge: EdgeOnWire) -> None:
    until = time.monotonic() + 5 * WITHIN_S
    while (before := edge.carried) < MOST_A_MINUTE:
        assert time.monotonic() < until
        with edge.connect("tvs") as line:
            line.settimeout(0.01)
            with contextlib.suppress(OSError):  # nothing is said until the phone begins; one too many at once is ended
                while edge.carried == before and line.recv(1):
                    pass
    assert ends(edge.connect("tvs"))
    assert edge.carried == MOST_A_MINUTE


def test_there_is_no_relay_before_a_phone_comes(edge: EdgeOnWire) -> None:
    assert edge.port.pid is None
    assert edge.comes(CapfPhone(NAME, identity(f"CP-9971-{NAME}")))[0] is CapfReason.NO_ACTION
    assert edge.port.pid is not None


def test_a_relay_ends_when_no_phone_comes_and_the_next_phone_has_another(wire: Wire) -> None:
    came: list[str] = []

    def carry(service: str, _mac: str, line: socket.socket) -> None:
        came.append(service)
        line.close()

    with entered(wire.server):
        launcher = LauncherProcess()
        port = PhoneServicesPort([EDGE], launcher, idle_s=0.5)
        port.start(carry, lambda _mac: True, lambda *_told: None)
    with contextlib.closing(launcher), contextlib.closing(port):
        for number in (1, 2):
            eventually(lambda: port.pid is None)
            with entered(wire.client):
                assert ends(socket.create_connection((EDGE, PORTS["capf"]), WITHIN_S))
            assert len(came) == number


def test_a_relay_that_dies_is_replaced(edge: EdgeOnWire) -> None:
    before = edge.relay()
    os.kill(before, 9)
    eventually(lambda: edge.port.pid is None)
    assert edge.relay() != before
    eventually(edge.goes_through, pause_s=1)  # it may come so many times a minute


def test_a_relay_ends_with_its_launcher_and_comes_from_the_next_one(edge: EdgeOnWire) -> None:
    before = edge.relay()
    edge.launcher.begin_again()
    eventually(lambda: edge.port.pid is None)
    assert edge.relay() != before
    eventually(edge.goes_through, pause_s=1)  # it may come so many times a minute


def test_the_relay_has_no_key_no_file_and_no_right(edge: EdgeOnWire) -> None:
    edge.comes(CapfPhone(NAME, identity(f"CP-9971-{NAME}")))
    lines = Path(f"/proc/{edge.port.pid}/status").read_text().splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    assert status["CapEff"].strip() == status["CapPrm"].strip() == "0" * 16
    assert status["Seccomp"].strip() == "2"
    assert status["Uid"].split()[0] != "0"
    assert list(Path(f"/proc/{edge.port.pid}/root").iterdir()) == []
    assert "libcrypto" not in Path(f"/proc/{edge.port.pid}/maps").read_text()


def test_the_openssl_command_as_an_old_phone(edge: EdgeOnWire) -> None:
    (port,) = [each[2] for each in edge.port.addresses if each[0] == "capf"]
    words = ["openssl", "s_client", "-connect", f"{EDGE}:{port}", "-tls1", "-cipher", "ALL:@SECLEVEL=0"]
    with entered(edge.wire.client):
        child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    with child:
        assert child.stdout is not None
        said = b""
        while b"U\x01" not in said and (more := os.read(child.stdout.fileno(), 65536)):
            said += more
        child.kill()
    assert b"Protocol  : TLSv1\n" in said
    assert b"U\x01" in said  # CAPF's first question


def test_a_phone_reaches_a_hub_behind_a_proxy(
    running: RunningHub, site: str, wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with connect_proxy("edge:word") as proxy:
        way = f"http://edge:word@127.0.0.1:{proxy.port}"
        with contextlib.closing(EdgeOnWire(running, site, tmp_path / "proxied", wire, way)) as edge:
            assert edge.comes(CapfPhone(NAME, identity(f"CP-9971-{NAME}")))[0] is CapfReason.NO_ACTION
