"""Port 6971 of an edge on loopback: the real TLS process, the real worker, phones, and those who are not meant."""

import contextlib
import os
import signal
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ringfence.content.release import BY_HTTPS, TargetKind
from ringfence.edge.phones import tls_child
from ringfence.edge.phones.tls_messages import ServeTls
from ringfence.edge.phones.tls_port import TlsPort
from ringfence.errors import RingfenceError
from ringfence.hub.trust import role_certificates
from ringfence.hub.trust.key_roles import KeyRole
from ringfence.identity.certificates import key_to_pem, to_pem
from ringfence.identity.edge_tls import make_edge_tls
from ringfence.secret import Secret
from ringfence.server.errors import FileRefused
from ringfence.server.events import RequestRefused, TransferFailed, TransferFinished, WorkerEvent
from ringfence.server.files.catalogue import Offer
from ringfence.server.processes.supervisor import WorkerSupervisor
from ringfence.server.tftp.client import fetch
from ringfence.sim import https_client
from ringfence.sim.capf_client import PhoneIdentity
from ringfence.sim.https_client import HttpsServer
from ringfence.sim.sip_over_tls import show
from ringfence.wire.messages import GuardNeed, GuardRules
from support.edge_tls import new_key
from support.phone_identities import cisco, forger, identity, key_number

HERE = "127.0.0.1"
MAC, OTHER = "001B54C2D0A1", "001B54C2D0A2"
OWN, OTHERS = f"SEP{MAC}.cnf.xml", f"SEP{OTHER}.cnf.xml"
FILES = {BY_HTTPS + OWN: b"<device>anna</device>\n" * 20, BY_HTTPS + OTHERS: b"<device>ben</device>\n",
         f"{OWN}.sgn": b"signed", "Ringlist.xml": b"<rings/>"}  # fmt: skip
WITHIN_S = 60.0
BY_PLACE = GuardRules(1, needs=(GuardNeed("secret", "L3"),))
BY_ADDRESS = GuardRules(2, needs=(GuardNeed("secret", "L1"),))
BY_KEY = GuardRules(3, needs=(GuardNeed("secret", "L4"),))


class Capf:
    """An organisation's CAPF."""

    key = key_number(60)
    certificate = role_certificates.make(KeyRole.CAPF, "main", "trust-1", key, serial=5, now=time.time())


def signed_by_capf(common: str) -> PhoneIdentity:
    """A certificate that the organisation's CAPF issued to a phone."""
    return identity(common, Capf())  # type: ignore[arg-type]  # what it needs of a maker


class Edge:
    """A worker and its port for phones by HTTPS, with what they told."""

    def __init__(self) -> None:
        self.events: list[WorkerEvent] = []
        self.log: list[str] = []
        self.worker = WorkerSupervisor(listen=[(HERE, 0)], site="Anna", on_event=self.events.append)
        self.tls = TlsPort([HERE], 0, self.worker, lambda _level, text: self.log.append(text))
        key = new_key()
        self.certificate = make_edge_tls(key, "edge-1", serial=7, now=time.time())
        self.order = ServeTls(
            to_pem(self.certificate), Secret(key_to_pem(key).decode()), (cisco().pem,), (to_pem(Capf.certificate),)
        )

    def start(self) -> None:
        self.worker.start()
        self.worker.rule(BY_ADDRESS)
        self.offer(FILES)
        self.tls.serve(self.order)
        self.wait_for(lambda: self.tls.pid)

    def offer(self, files: dict[str, bytes], release: int = 1) -> None:
        offers = []
        for name, data in files.items():
            fd = os.memfd_create("offer")
            os.write(fd, data)
            owner = next((mac for mac in (MAC, OTHER) if mac in name), None)
            kind = TargetKind.CONFIGURATION if owner else TargetKind.SHARED
            offers.append(Offer(name, fd, len(data), kind, owner, secret=not name.endswith(".sgn")))
        self.worker.offer(release, offers, timeout_s=WITHIN_S)
        for each in offers:
            os.close(each.fd)

    @property
    def address(self) -> tuple[str, int]:
        return self.tls.addresses[0]

    def get(self, name: str = OWN, identity: PhoneIdentity | None = None, source: str = HERE) -> bytes | None:
        """Ask as a phone does, with ``.sgn`` behind the name."""
        return https_client.get(HttpsServer(self.address, source, identity), name, lambda _der: None)

    def raw(self, request: bytes, identity: PhoneIdentity | None = None) -> bytes:
        """Return all that comes back for these bytes."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if identity is not None:
            show(context, identity)
        with (
            socket.create_connection(self.address, WITHIN_S) as line,
            context.wrap_socket(line, suppress_ragged_eofs=True) as secured,
        ):
            secured.sendall(request)
            found = b""
            with contextlib.suppress(ConnectionError):
                while part := secured.recv(65536):
                    found += part
            return found

    def told(self, kind: type[WorkerEvent]) -> list[WorkerEvent]:
        return [each for each in self.events if isinstance(each, kind)]

    def wait_for(self, condition: Callable[[], object]) -> None:
        until = time.monotonic() + WITHIN_S
        while not condition():
            assert time.monotonic() < until, (self.events[-5:], self.log)
            time.sleep(0.02)

    def close(self) -> None:
        self.tls.close()
        self.worker.stop()


@pytest.fixture(scope="module")
def shared() -> Iterator[Edge]:
    made = Edge()
    with contextlib.closing(made):
        made.start()
        yield made


@pytest.fixture
def edge(shared: Edge) -> Edge:
    shared.worker.rule(BY_ADDRESS)
    shared.offer(FILES)
    shared.events.clear()
    return shared


@pytest.fixture
def fresh() -> Iterator[Edge]:
    """One at which no phone was seen at another address before."""
    made = Edge()
    with contextlib.closing(made):
        made.start()
        yield made


def test_a_phone_gets_the_unsigned_file_whether_it_asks_for_sgn_or_not(edge: Edge) -> None:
    assert edge.get() == FILES[BY_HTTPS + OWN]
    edge.wait_for(lambda: edge.told(TransferFinished))
    (done,) = edge.told(TransferFinished)
    assert isinstance(done, TransferFinished)
    assert (done.name, done.owner, done.peer_host, done.release) == (BY_HTTPS + OWN, MAC, HERE, 1)
    plain = edge.raw(f"GET /{OWN} HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\r\n".encode())
    assert plain.endswith(FILES[BY_HTTPS + OWN])


def test_a_large_file_arrives_whole(edge: Edge) -> None:
    large = os.urandom(700_000)
    edge.offer({**FILES, BY_HTTPS + OWN: large}, 2)
    assert edge.get() == large


@pytest.mark.parametrize("name", ["Ringlist.xml", f"ITLSEP{MAC}.tlv", f"https/{OWN}", "../etc/passwd", ""])
def test_nothing_else_goes_out_by_https(edge: Edge, name: str) -> None:
    answer = edge.raw(f"GET /{name} HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\r\n".encode())
    assert answer.split(b" ", 2)[1] == b"404"


@pytest.mark.parametrize("name", [BY_HTTPS + OWN, f"/{BY_HTTPS}{OWN}", f"./https//{OWN}", OWN])
def test_what_goes_out_by_https_goes_out_by_nothing_else(edge: Edge, name: str) -> None:
    with pytest.raises(FileRefused):
        fetch(edge.worker.addresses[0], name)


def test_without_a_certificate_the_guard_asks_for_a_place_as_over_any_other_protocol(edge: Edge) -> None:
    edge.worker.rule(BY_PLACE)
    assert edge.get() is None
    edge.wait_for(lambda: edge.told(RequestRefused))


def test_a_phone_s_own_certificate_of_its_maker_raises_its_level_and_an_issued_one_does_not(fresh: Edge) -> None:
    fresh.worker.rule(BY_KEY)
    assert fresh.get() is None
    assert fresh.get(identity=signed_by_capf(f"SEP{MAC}")) is None
    assert fresh.get(identity=identity(f"CP-8861-SEP{MAC}")) == FILES[BY_HTTPS + OWN]


def test_a_genuine_certificate_gets_no_other_phone_s_file(fresh: Edge) -> None:
    neighbour = identity(f"CP-8861-SEP{OTHER}")
    assert fresh.get(identity=neighbour) is None
    fresh.wait_for(lambda: fresh.told(RequestRefused))
    (refused,) = fresh.told(RequestRefused)
    assert isinstance(refused, RequestRefused)
    assert refused.finding == "other-certificate"
    assert fresh.get(OTHERS, neighbour) == FILES[BY_HTTPS + OTHERS]
    assert fresh.get(identity=identity("Nobody in particular")) == FILES[BY_HTTPS + OWN]  # as without one


def test_a_forged_certificate_is_refused_in_the_handshake_and_told(edge: Edge) -> None:
    with pytest.raises((OSError, ssl.SSLError)):
        edge.get(identity=identity(f"CP-8861-SEP{MAC}", forger()), source="127.0.0.7")
    edge.wait_for(lambda: any("127.0.0.7" in line for line in edge.log))


def test_less_than_tls_1_2_is_refused(edge: Edge) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with (
        socket.create_connection(edge.address, WITHIN_S, ("127.0.0.8", 0)) as line,
        pytest.raises(ssl.SSLError, match=r"(?i)protocol|version"),
    ):
        context.wrap_socket(line)


def test_who_only_connects_holds_his_own_places_and_nobody_else_s(edge: Edge) -> None:
    with contextlib.ExitStack() as held:
        for _ in range(tls_child.MOST_OF_HOST + 3):
            held.enter_context(socket.create_connection(edge.address, WITHIN_S, ("127.0.0.66", 0)))
        assert edge.get(source="127.0.0.9") == FILES[BY_HTTPS + OWN]
        with pytest.raises((ssl.SSLError, ConnectionError)):
            edge.get(source="127.0.0.66")


def test_a_flood_of_connections_of_one_address_ends_with_its_minute_and_others_are_served(edge: Edge) -> None:
    for _ in range(tls_child.MOST_A_MINUTE + 10):
        with socket.create_connection(edge.address, WITHIN_S, ("127.0.0.67", 0)) as line:
            line.sendall(b"\x16\x03\x01\xff\xff" + bytes(100))
    assert edge.get(source="127.0.0.10") == FILES[BY_HTTPS + OWN]


@pytest.mark.parametrize(
    "request_", [b"\0" * 5000, b"POST / HTTP/1.1\r\nContent-Length: 99999\r\n\r\n", b"GET / HTTP/1.1\r\n" * 9000]
)
def test_what_is_no_request_gets_no_file(edge: Edge, request_: bytes) -> None:
    with contextlib.suppress(OSError):
        assert b"device" not in edge.raw(request_)
    assert edge.get(source="127.0.0.11") == FILES[BY_HTTPS + OWN]


def test_a_phone_that_leaves_in_the_middle_is_told_as_failed(edge: Edge) -> None:
    edge.offer({**FILES, BY_HTTPS + OWN: os.urandom(3_000_000)}, 3)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(edge.address, WITHIN_S, ("127.0.0.12", 0)) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with context.wrap_socket(line) as secured:
            secured.sendall(f"GET /{OWN} HTTP/1.1\r\nHost: edge\r\n\r\n".encode())
            assert secured.recv(1000)
    edge.wait_for(lambda: edge.told(TransferFailed))
    assert not edge.told(TransferFinished)


def test_after_either_process_died_phones_are_served_again(edge: Edge) -> None:
    before = edge.tls.pid
    os.kill(before, signal.SIGKILL)
    edge.wait_for(lambda: edge.tls.pid not in {0, before})
    assert edge.get(source="127.0.0.13") == FILES[BY_HTTPS + OWN]
    worker = edge.worker.worker_pid
    assert worker is not None
    os.kill(worker, signal.SIGKILL)
    edge.wait_for(lambda: edge.worker.worker_pid not in {None, worker})

    def served() -> bool:
        with contextlib.suppress(OSError):
            return edge.get(source="127.0.0.14") == FILES[BY_HTTPS + OWN]
        return False

    edge.wait_for(served)


def test_the_process_is_confined_and_has_neither_files_nor_children(edge: Edge) -> None:
    edge.wait_for(lambda: edge.tls.pid)
    status = Path(f"/proc/{edge.tls.pid}/status").read_text()
    lines = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert (int(lines["CapEff"], 16), lines["NoNewPrivs"].strip()) == (0, "1")
    assert lines["Seccomp"].strip() == "2"


def test_nobody_is_let_in_while_it_is_not_wanted(edge: Edge) -> None:
    address = edge.address
    edge.tls.serve(None)
    assert edge.tls.addresses == []
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, WITHIN_S)
    edge.tls.serve(edge.order)
    edge.wait_for(lambda: edge.tls.pid)
    assert edge.get(source="127.0.0.15") == FILES[BY_HTTPS + OWN]


def test_another_key_takes_the_place_of_the_one_before(edge: Edge) -> None:
    key, seen = new_key(), list[bytes]()
    other = make_edge_tls(key, "edge-1", serial=8, now=time.time())
    edge.tls.serve(ServeTls(to_pem(other), Secret(key_to_pem(key).decode())))
    edge.wait_for(lambda: edge.tls.pid)
    https_client.get(HttpsServer(edge.address, "127.0.0.16"), OWN, seen.append)
    assert seen == [ssl.PEM_cert_to_DER_cert(to_pem(other))]
    edge.tls.serve(edge.order)
    edge.wait_for(lambda: edge.tls.pid)


def test_a_key_that_is_not_the_certificate_s_is_told_and_nobody_is_served(edge: Edge) -> None:
    other = Secret(key_to_pem(new_key()).decode())
    edge.tls.serve(ServeTls(edge.order.certificate, other))
    edge.wait_for(lambda: any("for now" in line for line in edge.log))
    edge.tls.serve(edge.order)
    edge.wait_for(lambda: edge.tls.pid)
    with contextlib.suppress(RingfenceError):
        assert edge.get(source="127.0.0.17") == FILES[BY_HTTPS + OWN]
