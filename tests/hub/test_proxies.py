"""Proxies that end TLS: who calls through them, and who only says so."""

import base64
import contextlib
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import urllib3
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select

from ringfence.hub.core import open_hub
from ringfence.hub.data.authority import new_authority
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.process.connections import Connections, ListenerPlaces
from ringfence.hub.store.models import EdgeCertificateRow
from ringfence.identity.certificates import EdgeIdentity, issue_edge_certificate, make_request, read_request, to_pem
from ringfence.wire import paths
from stack import free_port, wait_for
from support.chosen_database import copied
from support.running_hub import TIMEOUT, Answer, Clock, EdgeInHand, RunningHub, answer_of
from support.serving_hub import new_hub, serving

PROXY = "127.0.0.3"
ELSEWHERE = "127.0.0.4"
WITHIN_S = 60
PACKAGING = Path(__file__).parents[2] / "packaging" / "proxies"


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """A hub that believes a proxy at PROXY."""
    folder, token = new_hub(tmp_path_factory.mktemp("behind") / "data")
    folder.edit_config(trusted_proxies=[f"{PROXY}/32"])
    hub, clock = open_hub(folder), Clock()
    hub.clock = clock
    with serving(hub, folder):
        made = RunningHub(folder, hub, token, clock)
        made.do("PUT", "/settings/organisation/sip_server", {"value": "sip.example.org"})
        yield made


@pytest.fixture
def edge(behind: RunningHub, tmp_path: Path) -> EdgeInHand:
    return behind.enrol(behind.site(f"Site {tmp_path.name}"[:60]), tmp_path / "edge")


def header_of(pem: str) -> str:
    der = x509.load_pem_x509_certificate(pem.encode()).public_bytes(Encoding.DER)
    return f":{base64.b64encode(der).decode()}:"


def ask(
    hub: RunningHub,
    headers: Mapping[str, str] | list[tuple[str, str]],
    source: str = PROXY,
    context: ssl.SSLContext | None = None,
) -> Answer:
    """Ask the device API who one is to it, from an address of one's own."""
    url = urllib3.util.parse_url(hub.device_url)
    with urllib3.HTTPSConnectionPool(
        str(url.host), url.port, ssl_context=context or hub.device_context(), retries=False, timeout=TIMEOUT,
        source_address=(source, 0),
    ) as pool:  # fmt: skip
        sent = urllib3.HTTPHeaderDict()
        for name, value in headers.items() if isinstance(headers, Mapping) else headers:
            sent.add(name, value)
        return answer_of(pool.request("GET", paths.GREETING, headers=sent))


def test_a_certificate_is_taken_from_a_proxy_and_the_callers_address_with_it(edge: EdgeInHand) -> None:
    shown = header_of(edge.response.certificate_pem)
    answer = ask(edge.hub, {"Client-Cert": shown, "X-Forwarded-For": "10.9.9.9, 198.51.100.7"})
    assert (answer.status, answer.json["edge_id"]) == (200, edge.response.edge_id)
    with edge.hub.hub.database.reading() as session:
        chosen = select(EdgeCertificateRow.peer).where(EdgeCertificateRow.edge_id == edge.response.edge_id)
        assert list(session.scalars(chosen)) == ["198.51.100.7"]
    assert ask(edge.hub, {}).problem.kind == "certificate-missing", "the proxy itself is nobody"


def test_anybody_elses_header_is_refused_even_beside_a_certificate(edge: EdgeInHand) -> None:
    shown = header_of(edge.response.certificate_pem)
    for source in (ELSEWHERE, "127.0.0.1"):
        answer = ask(edge.hub, {"Client-Cert": shown}, source)
        assert (answer.status, answer.problem.kind) == (403, "proxy-refused")
        assert "trusted_proxies" in answer.problem.what
    assert edge.get(paths.GREETING, **{"Client-Cert": shown}).status == 403
    assert edge.get(paths.GREETING, **{"X-Forwarded-For": "198.51.100.9"}).status == 200
    assert ask(edge.hub, {"X-Forwarded-For": "nonsense"}, ELSEWHERE).problem.kind == "certificate-missing"


def test_a_proxy_with_a_certificate_of_its_own_hands_on_no_other(edge: EdgeInHand) -> None:
    context = edge.hub.device_context()
    context.load_cert_chain(edge.folder / "certificate.pem", edge.folder / "key.pem")
    shown = header_of(edge.response.certificate_pem)
    assert ask(edge.hub, {"Client-Cert": shown}, context=context).status == 400
    assert ask(edge.hub, {}, context=context).status == 200, "its own is one as before"


def of_another_ca(edge: EdgeInHand) -> str:
    authority = new_authority("Another CA", time.time())
    key = ec.generate_private_key(ec.SECP256R1())
    identity = EdgeIdentity(edge.response.edge_id, "anna")
    request = read_request(make_request(key, "edge"))
    made = issue_edge_certificate(authority.certificate, authority.key, request, identity, serial=7, now=time.time())
    return header_of(to_pem(made))


def cut_short(edge: EdgeInHand) -> str:
    return header_of(edge.response.certificate_pem)[:-9] + ":"


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(of_another_ca, id="another-ca"),
        pytest.param(cut_short, id="cut-short"),
        pytest.param(lambda edge: header_of(edge.hub.folder.server_certificate.read_text()), id="of-the-hub-itself"),
        pytest.param(lambda edge: header_of(edge.hub.folder.authority_certificate.read_text()), id="the-ca"),
        pytest.param(lambda edge: edge.response.certificate_pem.replace("\n", " "), id="pem"),
        pytest.param(lambda _edge: "", id="empty"),
        pytest.param(lambda _edge: "::", id="nothing-in-it"),
        pytest.param(lambda _edge: ":not base64:", id="no-base64"),
        pytest.param(lambda _edge: f":{base64.b64encode(b'no certificate').decode()}:", id="no-certificate"),
        pytest.param(lambda _edge: f":{'A' * 9000}:", id="too-large"),
        pytest.param(lambda edge: f"{header_of(edge.response.certificate_pem)}, {cut_short(edge)}", id="a-list"),
    ],
)
def test_what_is_no_edges_certificate_is_refused(edge: EdgeInHand, shown: Callable[[EdgeInHand], str]) -> None:
    answer = ask(edge.hub, {"Client-Cert": shown(edge)})
    assert (answer.status, answer.problem.kind) == (400, "proxy-refused")


def test_the_header_twice_or_with_a_chain_is_refused_and_so_is_no_address(edge: EdgeInHand) -> None:
    shown = header_of(edge.response.certificate_pem)
    for other in (("Client-Cert", shown), ("client-cert", ""), ("Client-Cert-Chain", shown)):
        assert ask(edge.hub, [("Client-Cert", shown), other]).status == 400
    for address in ("", "unknown", "198.51.100.7,", "198.51.100.7:80", "a" * 300):
        assert ask(edge.hub, {"Client-Cert": shown, "X-Forwarded-For": address}).status == 400


def test_a_revoked_or_ended_certificate_is_refused_as_without_a_proxy(edge: EdgeInHand) -> None:
    shown = header_of(edge.response.certificate_pem)
    with edge.hub.clock.forward(400 * 86_400.0):
        assert ask(edge.hub, {"Client-Cert": shown}).problem.kind == "certificate-expired"
    edge.hub.do("POST", f"/edges/{edge.response.edge_id}/revoke", {"wipe": False})
    assert ask(edge.hub, {"Client-Cert": shown}).problem.kind == "edge-revoked"


def test_the_audit_log_has_the_address_that_a_proxy_names_and_nobody_elses(behind: RunningHub) -> None:
    url = urllib3.util.parse_url(behind.people_url)
    for source, expected in ((PROXY, "198.51.100.20"), (ELSEWHERE, ELSEWHERE)):
        with urllib3.HTTPSConnectionPool(
            str(url.host), url.port, ssl_context=behind.device_context(), retries=False, source_address=(source, 0)
        ) as pool:
            headers = {"Authorization": f"Bearer {behind.token.reveal()}", "X-Forwarded-For": "198.51.100.20"}
            answer = pool.request("POST", "/api/v1/sites", json={"name": f"From {source}"}, headers=headers)
            assert answer.status == 201
        (newest,) = behind.do("GET", "/audit?limit=1")["items"]
        assert newest["address"] == expected


def test_a_proxys_connections_have_no_bound_of_one_caller() -> None:
    here, there = socket.socketpair()
    with here, there:
        counted = Connections("device", ListenerPlaces(4, 2, 20, 3), lambda address: address == PROXY)
        counted.time = lambda: 0.0  # type: ignore[method-assign]  # no loop runs
        through = [counted.accept(here, PROXY) for _ in range(10)]
        for connection in through:
            counted.recognise(connection, "edge-1")
        assert not any(connection.is_ending for connection in through)
        assert (counted.known.count, counted.strangers.count) == (10, 0)
        for connection in through:
            counted.remove(connection)
        assert counted.known.count == 0


def test_no_proxy_is_believed_where_hub_toml_names_none(made_hub: tuple[Path, object], tmp_path: Path) -> None:
    folder = DataFolder(copied(made_hub[0], tmp_path / "hub"))
    with contextlib.closing(open_hub(folder)) as hub:
        assert hub.config.trusted_proxies == ()


# Debian's own


def nginx(hub: RunningHub, folder: Path, port: int) -> list[str]:
    text = (PACKAGING / "nginx.conf").read_text()
    text = re.sub(r"    server hub-2[^\n]*\n", "", text).replace(
        "proxy_http_version", f"proxy_bind {PROXY};\nproxy_http_version"
    )
    text = text.replace("/etc/ssl/people.pem", str(hub.folder.server_certificate))
    text = text.replace("/etc/ssl/private/people.key", str(hub.folder.server_key))
    (folder / "nginx.conf").write_text(
        f"pid {folder}/pid; error_log {folder}/error.log; user root; worker_processes 1;\nevents {{}}\n"
        f"http {{ access_log off; {''.join(f'{each}_temp_path {folder}/{each};' for each in TEMPORARY)}\n"
        + settled(text, hub, port).replace("listen ", "listen 127.0.0.1:")
        + "}\n"
    )
    return ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", "daemon off;"]


def haproxy(hub: RunningHub, folder: Path, port: int) -> list[str]:
    both = hub.folder.server_certificate.read_bytes() + hub.folder.server_key.read_bytes()
    (folder / "both.pem").write_bytes(both)
    text = re.sub(r"    server hub-2[^\n]*\n", "", (PACKAGING / "haproxy.cfg").read_text())
    text = re.sub(r"/etc/haproxy/\w+\.pem", str(folder / "both.pem"), text).replace("bind :", "bind 127.0.0.1:")
    text = re.sub(r"(    balance leastconn\n)", rf"\1    source {PROXY}\n", text)
    (folder / "haproxy.cfg").write_text(settled(text, hub, port))
    return ["haproxy", "-db", "-f", str(folder / "haproxy.cfg")]


TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def settled(text: str, hub: RunningHub, port: int) -> str:
    """Put this machine's places into a configuration of ours."""
    device, people = (urllib3.util.parse_url(url).port for url in (hub.device_url, hub.people_url))
    text = re.sub(r"(listen |bind \S*:)8444", rf"\g<1>{port}", text)
    text = re.sub(r"(listen |bind \S*:)8443", rf"\g<1>{port + 1}", text)
    text = text.replace("hub-1.example.org:8444", f"127.0.0.1:{device}")
    text = text.replace("hub-1.example.org:8443", f"127.0.0.1:{people}")
    return text.replace("hub.example.org", "localhost").replace("/var/lib/ringfence/hub", str(hub.folder.path))


@contextlib.contextmanager
def started(command: list[str], port: int, folder: Path) -> Iterator[None]:
    def is_there() -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False

    program = shutil.which(command[0], path="/usr/sbin:/usr/bin:/sbin:/bin")
    with (folder / "output").open("wb") as output:
        running = subprocess.Popen([str(program), *command[1:]], stdout=output, stderr=output)
    try:
        wait_for(f"{command[0]}", is_there, WITHIN_S)
        yield
    finally:
        running.terminate()
        running.wait(WITHIN_S)


@pytest.mark.slow
@pytest.mark.parametrize(
    "proxy",
    [
        pytest.param(nginx, marks=pytest.mark.needs("nginx"), id="nginx"),
        pytest.param(haproxy, marks=pytest.mark.needs("haproxy"), id="haproxy"),
    ],
)
def test_an_edge_and_people_come_by_way_of_debians_own_proxies(
    behind: RunningHub, tmp_path: Path, proxy: Callable[[RunningHub, Path, int], list[str]]
) -> None:
    port = free_port()
    site = behind.site(f"By {proxy.__name__}")
    behind.phone(site, "001B54C2F001" if proxy is nginx else "001B54C2F002")
    with started(proxy(behind, tmp_path, port), port, tmp_path):
        through = RunningHub(behind.folder, behind.hub, behind.token, behind.clock)
        through.device_url, through.people_url = f"https://127.0.0.1:{port}", f"https://127.0.0.1:{port + 1}"
        through._stranger = through._pool(through.device_url, through.device_context())
        through._people = through._pool(through.people_url, through.device_context())
        edge = through.enrol(site, tmp_path / "edge")
        assert edge.get(paths.GREETING).json["edge_id"] == edge.response.edge_id
        with edge.events() as events:
            assert next(events).kind == "greeting"
            through.publish(sites=[site])
            assert next(events).release == 1
        assert edge.get(paths.METADATA + "timestamp.json").status == 200
        other = through.enrol(site, tmp_path / "other")
        forged = header_of(other.response.certificate_pem)
        answer = edge.get(paths.GREETING, **{"Client-Cert": forged, "X-Forwarded-For": "203.0.113.1"})
        assert answer.json["edge_id"] == edge.response.edge_id, "the proxy hands on what it saw"
        without = answer_of(through._stranger.request("GET", paths.GREETING, headers={"Client-Cert": forged}))
        assert without.problem.kind == "certificate-missing"
        through.do("POST", f"/edges/{edge.response.edge_id}/revoke", {"wipe": False})
        assert edge.get(paths.GREETING).problem.kind == "edge-revoked"
