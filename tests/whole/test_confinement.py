"""A real edge whose agent has a user of its own: what each of its processes holds, and that no worker sees a key."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ringfence.edge.jobs.capture import HEAD
from ringfence.identity.tokens import EnrolmentToken
from ringfence.server.errors import FileRefused
from ringfence.server.tftp.client import fetch
from stack import Stack, wait_for
from support.readable_by_all import readable_by_all

pytestmark = [pytest.mark.slow, pytest.mark.needs("root"), pytest.mark.needs("netns")]
MAC, NAME = "00:1B:54:C2:9A:10", "SEP001B54C29A10.cnf.xml"
USER = "daemon"
SETS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
_PIECE = 1 << 20


class Edge(Stack):
    """A hub and one edge, whose agent is started as root and told to be somebody else."""

    site_token = ""

    def enrol_edge(self, site: str) -> None:
        self.site_token = self.ask("site", "token", site)["token"]
        folder = str(self.edge_folder)
        said = self.run("edge", "enrol", "-", "--folder", folder, "--user", USER, stdin=self.site_token)
        assert f"--user {USER}" in said

    def launch_edge(self, *, as_service: bool = True) -> subprocess.Popen[str]:
        assert as_service
        where = ["--folder", str(self.edge_folder), "--listen", f"127.0.0.1:{self.tftp_port}", "--user", USER]
        return self._start("edge.log", [*readable_by_all(), sys.executable, "-I", "-m", "ringfence.edge", *where])

    @property
    def password(self) -> str:
        """Of the one line, as its phone's file has it."""
        return str(self.ask("line", "password", MAC, "1")["password"])

    @property
    def agent(self) -> int:
        assert self.edge is not None
        return self.edge.pid

    @property
    def worker(self) -> int:
        return int(wait_for("a worker", lambda: self.edge_status().get("worker_pid")))

    @property
    def launcher(self) -> int:
        return int(status_of(self.worker)["PPid"][0])


@pytest.fixture(scope="module")
def edge() -> Iterator[Edge]:
    folder = Path(tempfile.mkdtemp(prefix="ringfence-confinement-"))
    folder.chmod(0o755)
    made = Edge(folder)
    try:
        made.make_site("Anna", MAC, "9971")
        yield made
    finally:
        made.close()
        shutil.rmtree(folder)


def status_of(pid: int) -> dict[str, list[str]]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.split() for key, _, value in (line.partition(":") for line in lines)}


def is_in_memory(pid: int, needles: dict[str, bytes]) -> set[str]:
    """Return the names of those bytes that stand somewhere in a process's memory."""
    found: set[str] = set()
    longest = max(map(len, needles.values()))
    memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
    try:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            start, end = (int(part, 16) for part in line.split()[0].split("-"))
            if "r" not in line.split()[1] or "[v" in line:
                continue
            for at in range(start, end, _PIECE):
                try:
                    data = os.pread(memory, min(_PIECE + longest, end - at), at)
                except OSError:
                    continue
                found |= {name for name, needle in needles.items() if needle in data}
    finally:
        os.close(memory)
    return found


def secrets_of(edge: Edge) -> dict[str, bytes]:
    pem = (edge.edge_folder / "identity" / "key.pem").read_bytes()
    key = load_pem_private_key(pem, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    number = key.private_numbers().private_value.to_bytes(32, "big")
    lines = pem.splitlines()
    return {
        "the edge's key": number,
        "the edge's key, last byte first": number[::-1],
        "the edge's key as text": lines[1][8:48],
        "the enrolment token": edge.site_token.encode(),
        "the enrolment token's secret": EnrolmentToken.from_text(edge.site_token).secret.reveal().encode(),
        "the SIP password of a phone that has not asked yet": edge.password.encode(),
    }


def test_the_agent_is_its_own_user_without_a_capability_and_does_its_work(edge: Edge) -> None:
    status = status_of(edge.agent)
    assert (edge.edge_folder / "identity" / "key.pem").owner() == USER
    assert status["Uid"][0] not in {"0", "65534"}
    assert len(set(status["Uid"])) == 1
    assert "0" not in {*status["Gid"], *status["Groups"]}
    assert status["NoNewPrivs"] == ["1"]
    assert {which: int(status[which][0], 16) for which in SETS} == dict.fromkeys(SETS, 0)


def test_launcher_and_worker_are_nobody_and_the_worker_makes_few_calls(edge: Edge) -> None:
    for pid in (edge.launcher, edge.worker):
        status = status_of(pid)
        assert set(status["Uid"]) == set(status["Gid"]) == {"65534"}
        assert status["Groups"] == []
        assert status["NoNewPrivs"] == ["1"]
        assert {which: int(status[which][0], 16) for which in SETS} == dict.fromkeys(SETS, 0)
        assert os.listdir(f"/proc/{pid}/root") == []  # noqa: PTH208 - names are wanted, not paths
    assert status_of(edge.worker)["Seccomp"] == ["2"]

    def told() -> str | None:
        return next((line for line in edge.edge_log().splitlines() if f"Worker {edge.worker} serves" in line), None)

    line = wait_for("what its log says of it", told)
    assert "confined by an empty root directory as nobody" in line
    assert "a list of system calls" in line


def test_no_secret_of_the_edge_is_in_its_workers_memory(edge: Edge) -> None:
    secrets = secrets_of(edge)
    there = {"a name that it serves": NAME.encode(), "its site": b"Anna"}
    assert is_in_memory(edge.worker, secrets | there) == set(there)
    assert is_in_memory(edge.launcher, secrets) == set()
    # The same look finds the key where it is.
    assert is_in_memory(edge.agent, secrets) & {"the edge's key", "the edge's key, last byte first"}


def test_a_new_worker_is_as_confined_as_the_first_though_nobody_has_rights_any_more(edge: Edge) -> None:
    first = edge.worker
    os.kill(first, signal.SIGKILL)
    wait_for("another worker", lambda: edge.edge_status().get("worker_pid") not in {first, 0, None})
    test_launcher_and_worker_are_nobody_and_the_worker_makes_few_calls(edge)
    with pytest.raises(FileRefused):  # an answer: it serves
        fetch(edge.tftp, "SEP0011223344AA.cnf.xml")


def test_an_edit_still_reaches_the_edge(edge: Edge) -> None:
    edge.run("line", "set", MAC, "1", "--label", "Bert")
    (site,) = edge.ask("publish")["sites"]
    wait_for("the new release", lambda: edge.edge_status().get("release") == site["release"])
    wait_for("its line in the log", lambda: f"Release {site['release']} is served: 1 file." in edge.edge_log())


def test_a_folder_of_another_user_is_refused_with_what_to_do(edge: Edge, tmp_path: Path) -> None:
    shutil.copytree(edge.edge_folder, tmp_path / "edge", ignore=shutil.ignore_patterns("*.sock"))
    said = edge.run(
        "edge", "run", "--folder", str(tmp_path / "edge"), "--listen", "127.0.0.1:0", "--user", USER, status=3
    )
    assert f"chown -R {USER}: {tmp_path / 'edge'}" in said


def test_an_agent_without_rights_captures_by_the_socket_that_it_made_before(edge: Edge) -> None:
    wait_for("the connection", lambda: edge.ask("edge", "list")[0]["connected"] or None)
    file = edge.folder / "capture.pcap"
    said = edge.run("edge", "job", "anna", "capture", "--why", "a test", "--seconds", "1", "--out", str(file))
    assert "The edge has captured" in said
    assert file.read_bytes().startswith(HEAD)
    assert {name: status_of(edge.agent)[name] for name in ("CapPrm", "CapEff")} == {
        "CapPrm": ["0000000000000000"], "CapEff": ["0000000000000000"],
    }  # fmt: skip


def test_an_agent_that_nothing_would_start_again_refuses_to_restart(edge: Edge) -> None:
    wait_for("the connection", lambda: edge.ask("edge", "list")[0]["connected"] or None)
    before = edge.agent
    edge.run("edge", "job", "anna", "restart", "--why", "a test", "--yes", status=1)
    (job, *_older) = edge.ask("edge", "jobs", "list")
    assert (job["kind"], job["state"]) == ("restart", "refused")
    assert "nothing would start it again" in job["sentence"]
    assert "Enrolled as edge" in edge.run("edge", "job", "anna", "status")
    assert (edge.agent, edge.edge_status()["pid"]) == (before, before)
