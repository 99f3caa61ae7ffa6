"""The hub behind a proxy, at an IPv6 address, or behind a network's sign-in page: reached, or said in words why not."""

import contextlib
import http.server
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ringfence.content.hub_endpoints import HubEndpoints
from ringfence.edge.agent.clock import HubClock
from ringfence.edge.agent.enrolment import enrol
from ringfence.edge.agent.https_hub_client import HttpHubClient
from ringfence.edge.agent.hub_connection import https_client
from ringfence.edge.agent.hub_trust import fetch_authority, verified_context
from ringfence.edge.agent.proxy import DIRECT, check_proxy, proxy_for
from ringfence.edge.errors import BadProxy, HubUnreachable
from ringfence.edge.storage.disk import Disk
from ringfence.edge.storage.folder import EdgeFolder
from ringfence.identity.certificates import issue_server_certificate, key_to_pem, make_authority, to_pem
from support.connect_proxy import connect_proxy
from support.running_hub import RunningHub
from support.serving_hub import served_hub
from support.signed_repository import NOW

PAIR = "edge:pass word"
PAIR_IN_URL = "edge:pass%20word"


@pytest.fixture(autouse=True)
def _no_proxy_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    with served_hub(tmp_path_factory.mktemp("hub") / "hub") as running:
        yield running


def greeted(folder: EdgeFolder) -> str:
    """Which site the hub says this edge is of."""
    client = https_client(folder, HubClock(), HubEndpoints())
    try:
        return client.greeting().site_id
    finally:
        client.close()


def test_an_edge_enrols_and_works_through_its_proxy(hub: RunningHub, tmp_path: Path) -> None:
    folder, site = EdgeFolder(tmp_path / "edge", Disk()), hub.site("Proxied")
    with connect_proxy(PAIR) as proxy:
        own = f"http://{PAIR_IN_URL}@127.0.0.1:{proxy.port}"
        who = enrol(folder, hub.token_for(site).to_text(), own)
        assert "pass" not in repr(who)
        assert greeted(folder) == site
        assert set(proxy.asked) == {hub.device_url.removeprefix("https://")}
        asked = len(proxy.asked)
    assert asked >= 3
    with pytest.raises(HubUnreachable) as said:
        greeted(folder)
    assert f"the proxy http://127.0.0.1:{proxy.port} can't be reached" in said.value.what
    assert "pass" not in str(said.value)


def test_the_environment_names_a_proxy_and_who_needs_none(
    hub: RunningHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, site = EdgeFolder(tmp_path / "edge", Disk()), hub.site("Of the environment")
    with connect_proxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        enrol(folder, hub.token_for(site).to_text())
        assert proxy.asked
        proxy.asked.clear()
        monkeypatch.setenv("NO_PROXY", "example.org,127.0.0.1")
        assert greeted(folder) == site
        assert proxy.asked == []
        monkeypatch.delenv("NO_PROXY")
        enrol(EdgeFolder(tmp_path / "direct", Disk()), hub.token_for(site).to_text(), DIRECT)
        assert greeted(EdgeFolder(tmp_path / "direct", Disk())) == site
        assert proxy.asked == []


def test_a_proxy_that_does_not_let_us_through_is_named(hub: RunningHub) -> None:
    with connect_proxy(PAIR) as proxy, pytest.raises(HubUnreachable) as said:
        fetch_authority(hub.device_url, "ab" * 32, proxy.url)
    assert f"the proxy {proxy.url} does not let us through to the hub: 407 Proxy" in said.value.what
    assert "password is missing or wrong" in said.value.what


@pytest.mark.parametrize(
    "text", ["proxy", "proxy:3128", "ftp://proxy:21", "http://proxy", "http://:3128", "http://p:99999", "http://p:1/x"]
)
def test_what_is_no_proxy_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadProxy):
        check_proxy(text)
    if "/" in text:
        monkeypatch.setenv("HTTPS_PROXY", text)
        with pytest.raises(BadProxy):
            proxy_for("https://hub.example.org:8444", "")


def test_a_hub_at_an_ipv6_address_is_joined_through_a_proxy_or_not(tmp_path: Path) -> None:
    with served_hub(tmp_path / "hub", "::1") as running, connect_proxy() as proxy:
        site = running.site("Six")
        token = running.token_for(site)
        assert token.hub_url.startswith("https://[::1]:")
        for number, way in enumerate(("", proxy.url)):
            folder = EdgeFolder(tmp_path / f"edge{number}", Disk())
            enrol(folder, running.token_for(site).to_text(), way)
            assert greeted(folder) == site
        assert set(proxy.asked) == {token.hub_url.removeprefix("https://")}
    with pytest.raises(HubUnreachable) as said:
        greeted(folder)
    assert "[::1]:" in said.value.where


@contextlib.contextmanager
def portal(folder: Path | None) -> Iterator[str]:
    """Give the address of a sign-in page that answers to everything; with TLS if there is a folder for its key."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", "http://portal.example/login")
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", "6")
            self.end_headers()
            self.wfile.write(b"<html>")

        def log_message(self, *_words: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        port = server.server_address[1]
        if folder is not None:
            key, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
            authority = make_authority(own, "Portal", serial=1, now=NOW)
            shown = issue_server_certificate(authority, own, key.public_key(), ["127.0.0.1"], serial=2, now=NOW)
            (folder / "portal.pem").write_bytes(key_to_pem(key) + to_pem(shown).encode())
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(folder / "portal.pem")
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"https://127.0.0.1:{port}"
        finally:
            server.shutdown()
            thread.join()


AUTHORITY = to_pem(make_authority(ec.generate_private_key(ec.SECP256R1()), "CA", serial=1, now=NOW))


@pytest.mark.parametrize(("has_tls", "why"), [(True, "its certificate is another's"), (False, "it does not speak TLS")])
def test_a_sign_in_page_in_the_hubs_place_is_said_as_such(tmp_path: Path, has_tls: bool, why: str) -> None:
    with portal(tmp_path if has_tls else None) as url:
        client = HttpHubClient([url], verified_context(AUTHORITY), HubClock())
        with pytest.raises(HubUnreachable) as said:
            client.greeting()
        client.close()
    assert f"what answers there is not the hub: {why}" in said.value.what
    assert "captive portal" in said.value.to_do


def test_a_page_instead_of_the_hubs_ca_is_said_as_such(tmp_path: Path) -> None:
    with portal(tmp_path) as url, pytest.raises(HubUnreachable) as said:
        fetch_authority(url, "ab" * 32)
    assert "what answers there is not the hub: it answers with status 302 and a page" in said.value.what


def test_an_address_where_nobody_listens_is_no_portal() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"https://127.0.0.1:{nobody.getsockname()[1]}"
        client = HttpHubClient([url], verified_context(AUTHORITY), HubClock())
        with pytest.raises(HubUnreachable, match="the hub can't be reached") as said:
            client.greeting()
        client.close()
    assert "captive" not in said.value.to_do
