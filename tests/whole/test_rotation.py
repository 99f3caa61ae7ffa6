"""SIP secrets changed on both sides, with real processes: hub, edge, a phone that registers, and a real Kamailio."""

import socket
from collections.abc import Iterator

import pytest

from ringfence.phones.sip.digest import ha1
from ringfence.secret import Secret
from stack import Phone, Stack, running_stack, wait_for
from support.kamailio_server import REALM, Kamailio, running_kamailio

pytestmark = [pytest.mark.slow, pytest.mark.needs("kamailio")]
MAC = "00:1B:54:C2:9B:10"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("rotation")) as made:
        made.make_site("Anna", MAC, "9971")
        yield made


@pytest.fixture(scope="module")
def kamailio(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kamailio]:
    folder = tmp_path_factory.mktemp("kamailio")
    stack.run("sip", "export", "--pbx", "kamailio", "--realm", REALM, "--to", str(folder))
    with running_kamailio(folder, {}) as server:
        stack.run("pbx", "add", "main", "--kind", "kamailio", "--url", server.rpc_url, "--realm", REALM)
        assert "kamailio" in stack.run("pbx", "check", "main")
        stack.run("set", "phone", MAC, "sip_server=127.0.0.1", f"sip_port={server.port}", "sip_transport=tcp",
                  f"sip_listen_port={free_port()}", "register_expires_s=60")  # fmt: skip
        stack.run("publish")
        yield server


@pytest.fixture
def phone(stack: Stack, kamailio: Kamailio) -> Iterator[Phone]:
    made = stack.phone(MAC, "9971", "--register")
    registered = made.wait_for("registered")
    assert (registered["transport"], registered["server"]) == ("tcp", f"127.0.0.1:{kamailio.port}")
    yield made
    stack.stop(made.process)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def secret(stack: Stack) -> Secret:
    return Secret(stack.ask("line", "password", MAC, "1")["password"])


def accepted(kamailio: Kamailio) -> set[str]:
    """The hashes that Kamailio takes for the phone's user."""
    dumped = kamailio.call("htable.dump", "credentials").get("result", [])
    return {item["value"] for slot in dumped for item in slot["slot"]}


def hashed(stack: Stack, password: Secret) -> str:
    user = stack.ask("phone", "show", MAC)["lines"][0]
    return ha1(user["auth_name"] or user["name"], REALM, password).reveal()


def test_a_rotation_ends_with_the_new_secret_alone(stack: Stack, kamailio: Kamailio, phone: Phone) -> None:
    before = secret(stack)
    assert accepted(kamailio) == {hashed(stack, before)}
    words = stack.run("sip", "rotate", MAC)
    assert "registered with the new secret; the old one no longer works" in words
    after = secret(stack)
    assert after != before
    assert accepted(kamailio) == {hashed(stack, after)}
    assert phone.wait_for("notified")["action"] == "restart"
    assert phone.wait_for("registered")["user"] == "201"
    assert before.reveal() not in words
    (row,) = stack.ask("sip", "rotations")
    assert row["stage"] == "done"


def told(stack: Stack) -> str:
    """What there is to tell of the phone, in one text."""
    return stack.run("phone", "status", MAC)


def test_an_edit_reaches_a_registered_phone_through_its_pbx(stack: Stack, phone: Phone) -> None:
    stack.run("line", "set", MAC, "1", "--label", "Anna B.")
    stack.run("publish")
    # It registered over TCP: it listens nowhere else, and takes no order without its REGISTER's Call-ID.
    assert phone.wait_for("notified")["action"] == "restart"
    assert phone.wait_for("holds")["lines"][0]["label"] == "Anna B."
    phone.wait_for("registered")
    assert "phone-not-reloaded" in {row["kind"] for row in stack.ask("report", "list")}
    number = stack.ask("release", "list", "anna")[0]["number"]
    wait_for("the fetch is known", lambda: f"It took its configuration of release {number}" in told(stack))
    assert "It is registered at the PBX." in told(stack)


def test_a_registered_phone_is_told_what_the_operator_says(stack: Stack, phone: Phone) -> None:
    for action in ("restart", "reset", "check-version"):
        assert "sent through main to sip:" in stack.run("phone", "reload", MAC, "--action", action)
        assert phone.wait_for("notified")["action"] == action
        phone.wait_for("registered")
    stack.stop(phone.process)
    assert "is not registered at main" in stack.run("phone", "reload", MAC, status=4)
    (audited, *_older) = stack.ask("access", "audit")
    assert (audited["action"], audited["detail"]) == ("phone.reload", "check-version through main")


def test_a_phone_that_does_not_follow_keeps_its_old_secret(stack: Stack, kamailio: Kamailio) -> None:
    before = secret(stack)
    words = stack.run("sip", "rotate", MAC, "--patience", "2", status=9)
    assert f"1 of 1 phones got their old secret back: {MAC}" in words
    (row,) = stack.ask("sip", "rotations")
    assert (row["stage"], row["detail"]) == ("rolled-back", "the phone did not fetch its new file in time")
    assert secret(stack) == before
    assert accepted(kamailio) == {hashed(stack, before)}
    late = stack.phone(MAC, "9971", "--register")
    assert late.wait_for("registered")["user"] == "201"
    stack.stop(late.process)


@pytest.mark.usefixtures("kamailio")
def test_unpublished_edits_do_not_go_out_with_a_new_secret(stack: Stack) -> None:
    before = secret(stack)
    stack.run("line", "set", MAC, "1", "--label", "Not published")
    assert "has unpublished edits" in stack.run("sip", "rotate", MAC, status=5)
    stack.run("publish")
    assert secret(stack) == before


@pytest.mark.usefixtures("kamailio")
def test_a_pbx_that_is_away_changes_nothing(stack: Stack) -> None:
    stack.run("pbx", "add", "other", "--kind", "kamailio", "--url", f"http://127.0.0.1:{free_port()}/RPC",
              "--realm", REALM, "--sip-server", "127.0.0.1")  # fmt: skip
    before, rows = secret(stack), stack.ask("sip", "rotations")
    assert "Kamailio can't be reached" in stack.run("sip", "rotate", MAC, status=7)
    assert (secret(stack), stack.ask("sip", "rotations")) == (before, rows)
    stack.run("pbx", "check", "other", status=7)
    stack.run("pbx", "remove", "--yes", "other")
