"""Hub, edge and phones as real processes: the main job, and the errors that people meet on the way."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringfence.content.hub_endpoints import HubEndpoints
from ringfence.edge.agent.clock import HubClock
from ringfence.edge.agent.enrolment import renew_when_due
from ringfence.edge.agent.hub_connection import https_client
from ringfence.edge.storage.disk import Disk
from ringfence.edge.storage.folder import EdgeFolder
from ringfence.identity.certificates import EDGE_LIFETIME_S
from ringfence.identity.tokens import EnrolmentToken
from ringfence.secret import Secret
from ringfence.server.errors import FileRefused
from ringfence.server.tftp.client import fetch
from stack import RINGFENCE, Stack, running_stack, wait_for
from support.firmware_files import signed, zipped

pytestmark = pytest.mark.slow
MAC, NAME = "00:1B:54:C2:9A:10", "SEP001B54C29A10.cnf.xml"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("whole")) as made:
        made.make_site("Anna", MAC, "9971")
        yield made
        check_that_nothing_secret_was_logged(made)


def label_served(stack: Stack) -> str:
    text = fetch(stack.tftp, NAME).decode()
    return text.split("<featureLabel>")[1].split("</featureLabel>")[0]


def reported_kinds(stack: Stack) -> set[str]:
    return {row["kind"] for row in stack.ask("report", "list", "--limit", "500")}


def status_that_says(stack: Stack, words: str) -> str:
    """Return the edge's status once it says so."""

    def look() -> str:
        said = stack.run("edge", "status", "--folder", str(stack.edge_folder), status=None)
        return said if words in said else ""

    return wait_for(words, look)


def publish_label(stack: Stack, label: str) -> int:
    stack.run("line", "set", MAC, "1", "--label", label)
    (site,) = stack.ask("publish")["sites"]
    return int(site["release"])


def test_an_edit_reaches_the_phone_and_the_hub_hears_of_it(stack: Stack) -> None:
    label = label_served(stack)
    phone = stack.phone(MAC, "9971")
    assert phone.wait_for("holds")["lines"][0]["label"] == label
    release = publish_label(stack, "Anna B.")
    phone.wait_for("notified")
    # An order for the release before may come first: this phone is where the last test's phone was.
    wait_for("the new label", lambda: phone.wait_for("holds")["lines"][0]["label"] == "Anna B.")
    wait_for("the report of the reload", lambda: "phone-reloaded" in reported_kinds(stack))
    kinds = reported_kinds(stack)
    assert {"file-served", "release-served", "phone-reloaded", "agent-started"} <= kinds
    words = status_that_says(stack, f"Serving release {release}")
    assert "Connected to the hub for" in words
    assert MAC in words
    stack.stop(phone.process)


def test_a_rollback_is_a_new_release_with_the_old_content(stack: Stack) -> None:
    before = stack.ask("release", "list", "anna")[0]["number"]
    old = label_served(stack)
    publish_label(stack, "Mistake")
    wait_for("the mistake", lambda: label_served(stack) == "Mistake")
    made = stack.ask("release", "rollback", "--yes", "anna", str(before))
    assert made["number"] == before + 2
    wait_for("the old label", lambda: label_served(stack) == old)
    assert "-" in stack.run("release", "diff", "anna", str(made["number"]))
    assert stack.run("release", "diff", "anna") == stack.run("release", "diff", "anna", str(made["number"]))
    assert NAME in stack.run("release", "show", "anna")
    assert stack.ask("publish")["held"][0]["site"] == "anna"
    stack.run("release", "resume", "anna")


def test_firmware_goes_out_before_any_phone_is_told_of_it(stack: Stack, tmp_path: Path) -> None:
    load = "sip9971.9-4-2SR4-1"
    images = {f"{part}9971.9-4-2SR4-1.sebn": part.encode() * 70_000 for part in ("kern", "Rootfs")}
    names = "".join(f"{name.lower()}\n" for name in images).encode()
    (tmp_path / "bundle.zip").write_bytes(zipped({**images, f"{load}.loads": signed(f"{load}.loads", names)}))
    assert load in stack.run("firmware", "import", str(tmp_path / "bundle.zip"))
    stack.run("set", "phone", MAC, f"firmware_load={load}")
    told = stack.ask("publish")
    assert told["waiting"] == {MAC: load}
    assert f"<loadInformation>{load}<".encode() not in fetch(stack.tftp, NAME)
    told_now = f"<loadInformation>{load}<".encode()
    wait_for("the phone's file names the load", lambda: told_now in fetch(stack.tftp, NAME), pause_s=0.5)
    assert fetch(stack.tftp, f"{load}.loads").endswith(names)
    for name, data in images.items():
        assert fetch(stack.tftp, name) == fetch(stack.tftp, name.lower()) == data
    (site,) = stack.ask("firmware", "status", load)
    assert (site["edges"], site["with_load"], site["waiting"], site["named"]) == (1, 1, 0, 1)
    assert stack.run("firmware", "status", load, "--watch")
    assert "1 phone names it" in stack.run("firmware", "remove", "--yes", load, status=5)
    stack.run("set", "phone", MAC, "--unset", "firmware_load")
    stack.run("publish")


def test_a_strangers_request_is_refused_with_its_reason_in_the_log(stack: Stack) -> None:
    with pytest.raises(FileRefused) as refused:
        fetch(stack.tftp, "SEP0011223344AA.cnf.xml")
    assert refused.value.code == 1
    line = wait_for("the reason", lambda: next((x for x in stack.edge_log().splitlines() if "0011223344AA" in x), None))
    assert "Refused" in line
    assert "Anna" in line


def test_a_worker_that_is_killed_is_replaced(stack: Stack) -> None:
    pid = wait_for("the worker", lambda: stack.edge_status().get("worker_pid"))
    os.kill(pid, signal.SIGKILL)
    wait_for("another worker", lambda: _answers(stack))
    assert wait_for("its pid", lambda: stack.edge_status().get("worker_pid") not in {pid, 0, None})
    wait_for("the report", lambda: "worker-died" in reported_kinds(stack))


def _answers(stack: Stack) -> bool:
    try:
        return bool(fetch(stack.tftp, NAME, timeout_s=1.0, retries=0))
    except Exception:  # noqa: BLE001 - whatever it is, it does not answer yet
        return False


def test_an_edge_started_twice_on_one_folder_says_who_has_it(stack: Stack) -> None:
    said = stack.run("edge", "run", "--folder", str(stack.edge_folder), "--listen", "127.0.0.1:0", status=5)
    assert "another edge already uses this folder, as process" in said
    assert "Traceback" not in said


def test_a_port_in_use_names_address_and_port(stack: Stack, tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
        folder = tmp_path / "copy"
        shutil.copytree(stack.edge_folder, folder, ignore=shutil.ignore_patterns("*.sock"))
        said = stack.run("edge", "run", "--folder", str(folder), "--listen", f"127.0.0.1:{port}", status=7)
    assert "127.0.0.1" in said
    assert str(port) in said
    assert "Traceback" not in said


def test_tokens_that_can_not_be_used_each_say_why(stack: Stack, tmp_path: Path) -> None:
    def enrol(token: str, status: int, name: str = "new") -> str:
        said = stack.run("edge", "enrol", "-", "--folder", str(tmp_path / name), stdin=token, status=status)
        assert "Traceback" not in said
        return said

    assert "not an enrolment token" in enrol("hello", 3)
    site = stack.ask("site", "add", "Bert")["id"]
    good = stack.ask("site", "token", site)["token"]
    assert "incomplete or mistyped" in enrol(good[:-6], 3)
    token = EnrolmentToken.from_text(good)
    forged = EnrolmentToken(token.hub_url, token.authority_fingerprint, Secret("x" * 43), token.expires_at, "Anna")
    assert "token" in enrol(forged.to_text(), 6)
    elsewhere = EnrolmentToken(token.hub_url, "ab" * 32, token.secret, token.expires_at, "Anna")
    assert "not the hub that created this token" in enrol(elsewhere.to_text(), 6)
    nobody = EnrolmentToken("https://127.0.0.1:9", token.authority_fingerprint, token.secret, token.expires_at, "Anna")
    assert "can't be reached" in enrol(nobody.to_text(), 7)
    enrol(good, 0)
    assert "used" in enrol(good, 6, "second")
    assert "already enrolled" in enrol(good, 5)


def test_input_that_can_not_be_used_says_what_and_what_to_do(stack: Stack) -> None:
    assert "exists" in stack.run("phone", "add", MAC.replace(":", ""), "--site", "anna", "--model", "9971", status=5)
    assert "sip_server" in stack.run("set", "organisation", "sip_servr=x", status=4)
    assert "65535" in stack.run("set", "phone", MAC, "sip_listen_port=99999", status=3)
    assert "ringfence login" in Stack(stack.folder / "nobody").run("site", "list", status=3)
    assert "notamac" in stack.run("phone", "show", "notamac", status=3)
    assert "nowhere" in stack.run("site", "show", "nowhere", status=4)


def test_the_edge_serves_over_a_restart_without_the_hub_and_goes_on_when_it_is_back(stack: Stack) -> None:
    label = label_served(stack)
    stack.stop(stack.hub)
    stack.stop(stack.edge)
    stack.start_edge()
    assert label_served(stack) == label
    assert status_that_says(stack, "Not connected")
    assert status_that_says(stack, "Problem: ")
    stack.run("edge", "status", "--folder", str(stack.edge_folder), status=1)  # it says a problem
    stack.start_hub()
    publish_label(stack, "Back again")
    wait_for("the edit made after the hub came back", lambda: label_served(stack) == "Back again")


def test_the_hub_renews_a_certificate_for_the_key_that_enrolled(stack: Stack) -> None:
    folder = EdgeFolder(stack.edge_folder, Disk())
    before = folder.credentials().certificate
    clock = HubClock()
    client = https_client(folder, clock, HubEndpoints())
    assert not renew_when_due(folder, client.renew, clock.now())
    assert renew_when_due(folder, client.renew, clock.now() + EDGE_LIFETIME_S * 0.9)
    client.close()
    after = folder.credentials().certificate
    assert after.serial_number != before.serial_number
    assert after.public_key() == before.public_key()
    client = https_client(folder, clock, HubEndpoints())
    assert client.greeting().site_id == "anna"
    client.close()


def test_a_hub_that_is_killed_leaves_the_old_release_served_and_publishes_when_it_is_back(stack: Stack) -> None:
    label = label_served(stack)
    assert stack.hub is not None
    stack.run("line", "set", MAC, "1", "--label", "After the kill")
    stack.hub.kill()
    stack.hub.wait(120)
    assert label_served(stack) == label
    stack.start_hub()
    stack.ask("publish")
    wait_for("the edit", lambda: label_served(stack) == "After the kill")


def test_a_revoked_edge_is_wiped_when_asked(stack: Stack, tmp_path: Path) -> None:
    site, folder, mac = stack.ask("site", "add", "Given up")["id"], tmp_path / "edge", "00:1B:54:C2:9A:77"
    stack.run("phone", "add", mac, "--site", site, "--model", "9971")
    stack.run("line", "set", mac, "1", "--name", "277")
    stack.ask("publish")
    stack.run("edge", "enrol", "-", "--folder", str(folder), stdin=stack.ask("site", "token", site)["token"])
    command = [*RINGFENCE, "edge", "run", "--folder", str(folder), "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, env=stack.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as edge:
        try:
            wait_for("its release", lambda: any((folder / "cache" / "blobs").glob("*")))
            (row,) = (row for row in stack.ask("edge", "list") if row["site"] == site)
            stack.run("edge", "revoke", "--yes", row["id"], "--wipe")
            edge.wait(60)
        finally:
            edge.kill()
    assert not (folder / "identity" / "key.pem").exists()
    assert {path.name for path in folder.rglob("*")} == {"lock"}
    assert "does not contain an enrolled edge" in stack.run("edge", "status", "--folder", str(folder), status=3)


def check_that_nothing_secret_was_logged(stack: Stack) -> None:
    """Look when all tests have done with this stack what they do."""
    password = stack.run("line", "password", MAC, "1").strip()
    assert len(password) == 24
    assert password.isalnum()
    for log in stack.folder.glob("*.log"):
        text = log.read_text()
        assert password not in text
        assert stack.token not in text
