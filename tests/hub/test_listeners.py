"""A listener more is an entry more: bound, served, announced, and given each new certificate."""

import errno
import json
import socket
import ssl
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import urllib3
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from ringfence.hub.core import Hub, open_hub
from ringfence.hub.data.config import make_config
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.errors import ListenerPortTaken
from ringfence.hub.process import background_jobs, listeners, tls
from ringfence.hub.process.listeners import LISTENERS, Listener
from ringfence.secret import Secret
from support.chosen_database import copied
from support.running_hub import Clock
from support.serving_hub import serving


def _app(hub: Hub) -> Starlette:
    def greet(_request: Request) -> PlainTextResponse:
        return PlainTextResponse(f"hello from {hub.config.name}")

    return Starlette(routes=[Route("/", greet)])


THIRD = Listener("doors", "door phones", lambda _config: 0, _app, tls.people_context)


def _certificate(url: str) -> bytes:
    address = urlsplit(url)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection((str(address.hostname), address.port or 0), 10) as raw,
        context.wrap_socket(raw) as connected,
    ):
        return connected.getpeercert(binary_form=True) or b""


def test_a_third_listener_is_served_announced_and_given_new_certificates(
    made_hub: tuple[Path, Secret],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(background_jobs, "RENEW_EVERY_S", 0.05)
    copied(made_hub[0], tmp_path / "hub")
    folder = DataFolder(tmp_path / "hub")
    hub, clock = open_hub(folder), Clock()
    hub.clock = clock
    with serving(hub, folder, (*LISTENERS, THIRD)):
        facts = json.loads((folder.path / "run.json").read_text())
        assert list(facts) == ["people", "device", "doors", "pid"]
        told = f"ringfence hub ready: people {facts['people']}, devices {facts['device']}, door phones {facts['doors']}"
        printed, deadline = "", time.monotonic() + 20
        while told not in printed.splitlines():
            printed += capsys.readouterr().out
            assert time.monotonic() < deadline, printed
            time.sleep(0.01)
        with urllib3.PoolManager(ca_certs=str(folder.authority_certificate)) as pool:
            assert pool.request("GET", facts["doors"] + "/").data == b"hello from Ringfence hub"
        before = {name: _certificate(facts[name]) for name in ("people", "device", "doors")}
        assert len(set(before.values())) == 1
        with clock.forward(365 * 86_400):
            deadline = time.monotonic() + 20
            while before["doors"] in {_certificate(facts[name]) for name in before}:
                assert time.monotonic() < deadline
                time.sleep(0.02)


def test_a_kernel_without_ipv6_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_ipv6(family: int, _kind: int) -> socket.socket:
        assert family == socket.AF_INET6
        raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")

    monkeypatch.setattr(socket, "socket", no_ipv6)
    config = make_config(address="hub.example.org", listen="::")
    with pytest.raises(ListenerPortTaken) as refused, listeners.bind_all(LISTENERS, config):
        pass
    assert refused.value.what == "this machine has no IPv6, and :: is an IPv6 address"
    assert refused.value.to_do.startswith("Set `listen` or `people_listen` in hub.toml")
