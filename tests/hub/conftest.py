"""A running hub for each module, and hubs that nobody serves."""

import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ringfence.hub.core import Hub, open_hub
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.fleet import passwords
from ringfence.hub.people.sign_ins import SignIns
from ringfence.hub.process import background_jobs
from ringfence.identity.certificates import issue_server_certificate, key_to_pem, make_authority, to_pem
from ringfence.secret import Secret
from support import chosen_database
from support.chosen_database import copied
from support.running_hub import Clock, RunningHub
from support.serving_hub import new_hub, served_hub
from support.signing_in import CHEAP


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """One hub for a module's tests, each of which makes its own sites."""
    with served_hub(tmp_path_factory.mktemp("hub") / "data") as served:
        yield served


@pytest.fixture
def never_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    """The running hub finds no news by looking: what a stream tells it was woken for."""
    monkeypatch.setattr(background_jobs, "_look", lambda *_what: set())


@pytest.fixture(scope="session")
def made_hub(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Secret]:
    """A hub's data folder that nobody serves; tests copy it."""
    folder, token = new_hub(tmp_path_factory.mktemp("made") / "data")
    return folder.path, token


@pytest.fixture
def idle(made_hub: tuple[Path, Secret], tmp_path: Path) -> Iterator[Hub]:
    """A hub without listeners, of the test's own."""
    path = copied(made_hub[0], tmp_path / "hub")
    hub = open_hub(DataFolder(path))
    hub.clock = Clock()
    try:
        yield hub
    finally:
        hub.close()
        chosen_database.delete(path)


@pytest.fixture
def server_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's certificate of a CA that this machine trusts."""
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    now = time.time()
    authority = make_authority(authority_key, "CA", serial=1, now=now)
    certificate = issue_server_certificate(authority, authority_key, key.public_key(), ["127.0.0.1"], serial=2, now=now)
    (tmp_path / "server.pem").write_bytes(key_to_pem(key) + to_pem(certificate).encode())
    (tmp_path / "ca.pem").write_text(to_pem(authority))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    return context


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Passwords' hashes cost nothing."""
    monkeypatch.setattr(passwords, "HASHER", CHEAP)
    passwords._nobodys.cache_clear()
    yield
    passwords._nobodys.cache_clear()


@pytest.fixture
def sign_ins(idle: Hub) -> SignIns:
    return SignIns(idle)
