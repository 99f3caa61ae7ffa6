"""Hub and edge of neighbouring versions: enrolment, a publish, a phone's boot and reports, either side being the older.

docs/operations.md makes the promise that these tests keep.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from ringfence.server.tftp.client import fetch
from stack import RINGFENCE, Stack, wait_for
from support import former_version

pytestmark = [pytest.mark.slow, pytest.mark.needs("history")]
MAC, NAME = "00:1B:54:C2:9A:4E", "SEP001B54C29A4E.cnf.xml"


class StackOfTwoVersions(Stack):
    """Each side's commands and processes run by that side's own version."""

    def __init__(self, folder: Path, hub: str, edge: str) -> None:
        super().__init__(folder)
        self._hub_python, self._edge_python = hub, edge

    def run(self, *arguments: str, stdin: str = "", status: int | None = 0) -> str:
        python = self._edge_python if arguments[0] == "edge" else self._hub_python
        done = subprocess.run(
            [python, *RINGFENCE[1:], *arguments],
            input=stdin, capture_output=True, text=True, env=self.environment, check=False,
        )  # fmt: skip
        assert status is None or done.returncode == status, f"{arguments[:3]}: {done.stderr}"
        return done.stderr if status else done.stdout

    def start_hub(self) -> None:
        ready = self.hub_folder / "run.json"
        hub = self.hub = self._start("hub.log", [self._hub_python, *RINGFENCE[1:], "hub", "run", str(self.hub_folder)])
        wait_for("the hub", lambda: self._alive(hub, "hub.log") and ready.exists())

    def launch_edge(self, *, as_service: bool = False) -> subprocess.Popen[str]:
        assert not as_service
        where = ["--folder", str(self.edge_folder), "--listen", f"127.0.0.1:{self.tftp_port}", "--http", "off"]
        return self._start("edge.log", [self._edge_python, *RINGFENCE[1:], "edge", "run", *where])


@pytest.fixture(scope="module")
def former(tmp_path_factory: pytest.TempPathFactory) -> str:
    return former_version.interpreter(tmp_path_factory.mktemp("former"))


def label_served(stack: Stack) -> str:
    return fetch(stack.tftp, NAME).decode().split("<featureLabel>")[1].split("</featureLabel>")[0]


def reported_kinds(stack: Stack) -> set[str]:
    return {row["kind"] for row in stack.ask("report", "list", "--limit", "500")}


@pytest.mark.parametrize("older", ["hub", "edge"])
def test_an_edge_and_a_hub_of_neighbouring_versions_understand_each_other(
    older: str, former: str, tmp_path: Path
) -> None:
    hub, edge = (former, sys.executable) if older == "hub" else (sys.executable, former)
    stack = StackOfTwoVersions(tmp_path, hub, edge)
    try:
        stack.make_site("Anna", MAC, "9971")  # a hub, an edge that enrols, and a release that it serves
        phone = stack.phone(MAC, "9971")
        assert phone.wait_for("holds")["lines"][0]["label"] == "Anna"
        before = int(stack.edge_status()["release"])
        stack.run("line", "set", MAC, "1", "--label", "Anna B.")
        (published,) = stack.ask("publish")["sites"]
        assert int(published["release"]) == before + 1
        wait_for("the new label at the edge", lambda: label_served(stack) == "Anna B.")
        wait_for("the new label in the phone", lambda: phone.wait_for("holds")["lines"][0]["label"] == "Anna B.")
        told = {"agent-started", "file-served", "release-served", "phone-reloaded"}
        wait_for("the reports", lambda: told <= reported_kinds(stack), pause_s=0.5)
        stack.stop(stack.edge)  # what it has kept is read after a restart, and the stream opens again
        stack.start_edge()
        wait_for("the hub", lambda: stack.edge_status().get("connected_since"))
        assert label_served(stack) == "Anna B."
    finally:
        stack.close()
