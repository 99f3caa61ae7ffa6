"""Hub, edge and an 8861 as processes: from its first list to HTTPS, without the hub, another key, a thief, and back."""

import contextlib
import json
import socket
import ssl
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ringfence.phones.mac import Mac
from ringfence.server.errors import FileRefused
from ringfence.server.tftp.client import fetch
from ringfence.sim.phone import VirtualPhone
from ringfence.sim.phone_memory import PhoneMemory
from ringfence.sim.provisioning import HttpFirst
from ringfence.sim.steps import Fetched, Step
from ringfence.sim.trust_steps import ByHttps, HttpsFailed, ListTaken
from ringfence.sim.trusting_phone import PhoneTrust
from ringfence.tftp.options import NO_OPTIONS
from stack import Stack, running_stack, wait_for

pytestmark = pytest.mark.slow
MAC = Mac("001B54C2D0A1")
OWN = f"SEP{MAC.bare}.cnf.xml"
Json = dict[str, Any]  # Any: what commands print with --json


class Desk:
    """A phone whose flash is a folder: it is made anew for each boot."""

    def __init__(self, stack: Stack, flash: Path) -> None:
        self.stack, self.flash = stack, flash
        self.steps: list[Step] = []

    def boot(self) -> str:
        """Power the phone on, and return the label that it shows."""
        self.steps.clear()
        phone = VirtualPhone(
            MAC, "8861", self.stack.tftp, on_step=self.steps.append, trust=PhoneTrust(PhoneMemory(self.flash)),
            fetch=HttpFirst(self.stack.http_port), https_port=self.stack.https_port,
        )  # fmt: skip
        return phone.boot().label

    @property
    def came_by_https(self) -> bool:
        return any(isinstance(step, ByHttps) for step in self.steps)

    @property
    def fetched(self) -> list[str]:
        return [step.name for step in self.steps if isinstance(step, Fetched)]


@contextlib.contextmanager
def site_with_https(folder: Path) -> Iterator[Desk]:
    """A hub, an edge, and a phone that is to come by HTTPS; nothing has been published."""
    with running_stack(folder) as stack:
        stack.make_site("Anna", str(MAC), "8861")
        recovery = stack.folder / "recovery"
        stack.environment["RINGFENCE_RECOVERY_PASSPHRASE"] = stack.ask("trust", "init", str(recovery))["passphrase"]
        assert "opens" in stack.run("trust", "check", str(recovery))
        stack.run("set", "phone", str(MAC), "trust=signed", "trust_transport=https")
        yield Desk(stack, stack.folder / "flash")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A phone that comes by HTTPS, and does so again after each test."""
    with site_with_https(tmp_path_factory.mktemp("https")) as made:
        come_by_https(made)
        yield made


@pytest.fixture
def stack(desk: Desk) -> Stack:
    return desk.stack


def come_by_https(desk: Desk) -> None:
    """Bring the phone from its first list to HTTPS."""
    stack = desk.stack
    wait_for("the edge's key at the hub", lambda: keys(stack))
    assert shown(stack) == b""  # no phone of the release comes by HTTPS yet
    publish(stack)
    wait_for("the port", lambda: shown(stack))
    assert desk.boot() == "Anna"
    assert desk.came_by_https
    assert OWN not in desk.fetched
    assert f"{OWN}.sgn" not in desk.fetched
    wait_for("the edge's report", lambda: row(stack)["https_at"])
    publish(stack)


def publish(stack: Stack) -> None:
    """Publish, and wait until the edge serves that."""
    for site in stack.ask("publish")["sites"]:
        wait_for("the release at the edge", partial(is_served, stack, site["release"]))


def is_served(stack: Stack, number: int) -> bool:
    return stack.edge_status().get("release") == number


def row(stack: Stack) -> Json:
    (found,) = stack.ask("trust", "status")
    return dict(found)


def edge_of(stack: Stack) -> Json:
    (edge,) = [each for each in stack.ask("edge", "list") if each["revoked_at"] is None]
    return dict(edge)


def keys(stack: Stack) -> dict[str, str]:
    """The states of the edge's keys, by their fingerprints."""
    told = stack.ask("edge", "tls-key", edge_of(stack)["id"])
    return {each["fingerprint"]: each["state"] for each in told["keys"]}


def shown(stack: Stack) -> bytes:
    """The certificate that somebody meets at the port; nothing where nobody is let in."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection(("127.0.0.1", stack.https_port), 20) as line,
            context.wrap_socket(line) as secured,
        ):
            return secured.getpeercert(binary_form=True) or b""
    except OSError:
        return b""


def alerts(stack: Stack) -> list[str]:
    return [each["kind"] for each in stack.ask("guard", "alerts") if each["kind"] == "phone-left-https"]


def test_a_phone_from_its_first_list_to_https_back_to_files_and_let_go(tmp_path: Path) -> None:
    with site_with_https(tmp_path / "own") as desk:
        stack = desk.stack
        come_by_https(desk)
        for name in (OWN, f"https/{OWN}", f"HTTPS/{OWN}", f"./https//{OWN}"):
            with pytest.raises(FileRefused):
                fetch(stack.tftp, name)
            with pytest.raises(FileRefused):
                HttpFirst(stack.http_port)(stack.tftp, name, options=NO_OPTIONS, source_host=None)
        assert row(stack)["next_step"] == "It is where it is to be."

        stack.run("set", "phone", str(MAC), "trust_transport=files")
        publish(stack)
        assert desk.boot() == "Anna"  # the list comes before the file
        assert not desk.came_by_https
        assert f"{OWN}.sgn" in desk.fetched
        wait_for("the edge's report", lambda: not row(stack)["has_https_list"])
        publish(stack)
        wait_for("the port to be shut", lambda: shown(stack) == b"")
        assert alerts(stack) == []

        stack.run("trust", "release", str(MAC), "--yes")
        publish(stack)
        assert desk.boot() == "Anna"
        wait_for("that it was let go", lambda: row(stack)["state"] == "released")


def test_without_the_hub_and_after_a_restart_it_comes_by_https_all_the_same(stack: Stack, desk: Desk) -> None:
    before = shown(stack)
    stack.stop(stack.hub)
    try:
        stack.stop(stack.edge)
        stack.start_edge()
        wait_for("the port", lambda: shown(stack))
        assert shown(stack) == before
        assert desk.boot() == "Anna"
        assert desk.came_by_https
    finally:
        stack.start_hub()


def test_a_key_is_renewed_while_the_phone_goes_on(stack: Stack, desk: Desk) -> None:
    (old,) = keys(stack)
    stack.run("edge", "renew-tls-key", edge_of(stack)["id"], "--yes")
    wait_for("the next key", lambda: "next" in keys(stack).values())
    before = shown(stack)
    publish(stack)
    assert shown(stack) == before
    assert desk.boot() == "Anna"
    assert any(isinstance(step, ListTaken) for step in desk.steps)
    wait_for("the new key at the edge", lambda: shown(stack) not in {before, b""})
    assert keys(stack)[old] == "retired" if old in keys(stack) else True
    assert desk.boot() == "Anna"
    assert desk.came_by_https
    publish(stack)
    assert desk.boot() == "Anna"
    assert desk.came_by_https
    assert len(keys(stack)) == 1


def test_somebody_else_at_the_port_gets_nothing_asked_and_the_phone_takes_its_signed_file(
    stack: Stack, desk: Desk, tmp_path: Path
) -> None:
    with foreign_server(tmp_path) as (port, asked):
        own, stack.https_port = stack.https_port, port
        try:
            assert desk.boot() == "Anna"
        finally:
            stack.https_port = own
    assert asked == []
    (failed,) = [step for step in desk.steps if isinstance(step, HttpsFailed)]
    assert "neither its lists nor TVS vouch" in failed.reason
    assert f"{OWN}.sgn" in desk.fetched
    wait_for("the alert", lambda: alerts(stack))
    assert "port 6971" in row(stack)["next_step"]
    assert desk.boot() == "Anna"
    assert desk.came_by_https
    wait_for("the alert's end", lambda: not alerts(stack))


def test_another_edge_takes_over(stack: Stack, desk: Desk) -> None:
    before = shown(stack)
    edge = edge_of(stack)
    stack.stop(stack.edge)
    stack.run("edge", "revoke", edge["id"], "--yes")
    stack.edge_folder = stack.folder / "another edge"
    stack.enrol_edge(edge["site"])
    stack.start_edge()
    wait_for("its key at the hub", lambda: keys(stack))
    publish(stack)
    wait_for("the port", lambda: shown(stack))
    assert shown(stack) != before
    assert desk.boot() == "Anna"
    assert desk.came_by_https


@contextlib.contextmanager
def foreign_server(folder: Path) -> Iterator[tuple[int, list[bytes]]]:
    """Serve with a foreign certificate on an elliptic curve; give the port, and what it was asked."""
    import threading  # noqa: PLC0415 - this server alone

    from ringfence.identity.certificates import key_to_pem, to_pem  # noqa: PLC0415 - as above
    from ringfence.identity.edge_tls import make_edge_tls  # noqa: PLC0415 - as above
    from support.edge_tls import new_key  # noqa: PLC0415 - as above

    key = new_key()
    pem = to_pem(make_edge_tls(key, "edge-foreign", serial=9, now=1_790_000_000.0)).encode() + key_to_pem(key)
    (folder / "foreign.pem").write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "foreign.pem")
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    line, _ = server.accept()
                    with contextlib.suppress(OSError), context.wrap_socket(line, server_side=True) as secured:
                        if data := secured.recv(4096):
                            asked.append(data)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1], asked
        server.shutdown(socket.SHUT_RDWR)
    thread.join(60)


def test_what_commands_print_is_json(stack: Stack) -> None:
    assert json.loads(stack.run("trust", "status", "--json"))
