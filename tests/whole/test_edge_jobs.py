"""Jobs from the command line to a real edge and back: read, refused by its owner, restarted once."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringfence.edge.jobs.capture import HEAD
from stack import Stack, running_stack, wait_for

MAC = "00:1B:54:C2:9B:79"
SITE = "home-office-anna"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("stack")) as running:
        running.make_site("Home office Anna", MAC, "9971")
        wait_for("the connection", lambda: running.ask("edge", "list")[0]["connected"] or None)
        yield running


def test_status_logs_and_a_diagnosis_come_from_a_real_edge(stack: Stack) -> None:
    said = stack.run("edge", "job", SITE, "status")
    assert "Enrolled as edge" in said
    assert "Connected to the hub" in said
    assert "Connected to the hub at" in stack.run("edge", "job", SITE, "logs", "--lines", "50", "--follow", "1")
    said = stack.run("edge", "job", SITE, "diagnose")
    assert "Hub\n" in said
    assert "answers (" in said
    assert "the clock agrees with the hub's" in said


def test_an_edge_restarts_once_and_says_so(stack: Stack) -> None:
    before = stack.edge_status()["started_at"]
    said = stack.run("edge", "job", SITE, "restart", "--why", "a test", "--yes")
    assert "The edge's program has started again" in said
    (job, *_older) = stack.ask("edge", "jobs", "list")
    assert (job["kind"], job["state"]) == ("restart", "done")
    after = stack.edge_status()["started_at"]
    assert after > before
    assert "Enrolled as edge" in stack.run("edge", "job", SITE, "status")
    assert stack.edge_status()["started_at"] == after


def test_the_machines_owner_decides_and_is_heard(stack: Stack) -> None:
    policy = Path(stack.edge_folder) / "jobs.toml"
    stack.run("edge", "job", SITE, "reboot", "--why", "a test", "--yes", status=6)
    policy.write_text("logs = false\n")
    os.chown(policy, os.geteuid(), os.getegid())
    try:
        wait_until_heard(stack, logs=False)
        stack.run("edge", "job", SITE, "logs", status=6)
        stack.run("edge", "job", SITE, "status")
    finally:
        policy.unlink()
    wait_until_heard(stack, logs=True)


def wait_until_heard(stack: Stack, *, logs: bool) -> None:
    (edge,) = stack.ask("edge", "list")
    wait_for(
        "the hub hears of it",
        lambda: ("logs" in stack.ask("edge", "show", edge["id"])["jobs_allowed"]) is logs or None,
    )


def test_a_capture_of_a_real_edge_is_a_file(stack: Stack, tmp_path: Path) -> None:
    file = tmp_path / "capture.pcap"
    stack.run("edge", "job", SITE, "capture", "--why", "a test", "--seconds", "1", "--out", str(file))
    assert file.read_bytes().startswith(HEAD)
