"""docs/operations.md, section by section: the commands that it names, on a real hub and a real edge."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringfence.edge.agent.backoff import LONGEST_PAUSE_S
from ringfence.hub.recovery import restore
from ringfence.server.errors import FetchFailed, FileRefused
from ringfence.server.tftp.client import fetch
from stack import PATIENCE_S, Stack, running_stack, wait_for
from world.stolen_disk import search

pytestmark = pytest.mark.slow  # dozens of commands, each a process of its own
PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
MAC = "00:1B:54:C2:9B:77"
SITE = "home-office-anna"


class Operator:
    """Somebody who does what the page says, with this machine's folders in the place of the page's."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.copies = stack.folder / "copies"
        self.copies.mkdir()
        stack.environment["RINGFENCE_BACKUP_PASSPHRASE"] = "correct horse battery staple"
        self.edge_id = stack.ask("edge", "status", "--folder", str(stack.edge_folder))["enrolment"]["edge_id"]
        self.token = ""

    def do(self, section: str, *, but: tuple[str, ...] = ()) -> list[str]:
        """Run a section's commands, but for those that begin so; return what each said."""
        commands = [line for line in commands_of(section) if not line.startswith(but or ("-",))]
        assert commands, section
        return [self._run(line) for line in commands]

    def _run(self, line: str) -> str:
        if line.startswith("hub run "):
            self.stack.start_hub()
            return ""
        there = {
            "/var/lib/ringfence-hub-new": str(self.stack.folder / "new"),
            "/var/lib/ringfence-hub": str(self.stack.hub_folder),
            "/mnt/copies": str(self.copies),
            "hub.example.net": "localhost",
            "https://hub.example.org:8443": self.stack.people_url,
            "COPY": str(max(self.copies.iterdir(), default="")),
            "edge-1a2b3c4d5e6f": self.edge_id,
        }
        for name, here in there.items():
            line = line.replace(name, here)
        meant = ["--yes"] if line.startswith(("edge revoke ", "edge mode ")) else []  # nobody sits at a terminal here
        said = self.stack.run(*shlex.split(line), *meant, stdin=self.token)
        found = re.search(r"rft_\S+", said)
        self.token = found[0] + "\n" if found else self.token
        return said


def commands_of(section: str) -> list[str]:
    """The lines of a section that are commands, without the program's name."""
    text = re.split(r"\n## ", PAGE.partition(f"## {section}\n")[2])[0]
    return re.findall(r"^    ringfence (.*)$", text, re.MULTILINE)


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    with running_stack(tmp_path) as stack:
        stack.make_site("Home office Anna", MAC, "9971")
        yield Operator(stack)


def release_of(operator: Operator) -> int:
    return int(operator.stack.edge_status()["release"])


def test_a_lost_hub_goes_on_from_its_copy(operator: Operator) -> None:
    said = operator.do("Copies")
    assert "Restored on trial: it is whole." in said[0]
    assert "is whole: a copy of Ringfence hub" in said[1]
    stack = operator.stack
    stack.run("line", "set", MAC, "1", "--label", "After the copy")
    stack.run("publish")
    wait_for("release 2", lambda: release_of(operator) == 2)
    stack.stop(stack.hub)
    stack.hub_folder.rename(stack.folder / "lost")
    steps = iter(commands_of("After a loss"))
    for _ in range(3):
        operator._run(next(steps))
    told = "has release 2, which the hub does not have"
    wait_for("that the hub knows", lambda: told in stack.run("hub", "doubts"), LONGEST_PAUSE_S)
    assert release_of(operator) == 2, "the edge serves what it has"
    stack.run("line", "set", MAC, "1", "--label", "Made again")
    assert SITE in stack.run("publish", "--dry-run")
    for step in steps:
        operator._run(step)
    patience_s = restore.LISTENS_S + LONGEST_PAUSE_S + PATIENCE_S
    wait_for("release 4", lambda: release_of(operator) == 4, patience_s)
    assert "in doubt of nothing" in stack.run("hub", "doubts")


def test_a_hub_moves_to_another_machine_with_its_keys(operator: Operator) -> None:
    operator.do("Moving to another machine")
    new = operator.stack.folder / "new"
    for name in ("authority.pem", "keys/authority.key", "keys/server.key"):
        assert (new / name).read_bytes() == (operator.stack.hub_folder / name).read_bytes()


def test_a_hub_gets_another_name(operator: Operator) -> None:
    stack = operator.stack
    begin, look, end = commands_of("Another name, or another CA")
    said = operator._run(begin)
    assert f"Edges find the hub at https://localhost:{stack.device_port}, then at https://127.0.0.1:" in said
    stack.stop(stack.hub)
    stack.start_hub()
    wait_for("the edge", lambda: "1 edge followed, 0 not yet" in operator._run(look))
    assert "then at" not in operator._run(end)


def test_a_stolen_edge_is_shut_out_and_wipes_itself(operator: Operator) -> None:
    said = operator.do("A stolen edge")
    assert f"ringfence sip rotate {SITE}" in said[0]
    assert "RFE" in said[1]
    assert "revoked" in said[2]
    wait_for("the wipe", lambda: not (operator.stack.edge_folder / "identity" / "key.pem").exists())


def test_a_sealed_edge_that_is_taken_away_yields_nothing_and_serves_once_the_hub_has_seen_it(
    operator: Operator,
) -> None:
    stack = operator.stack
    secret = {"phone": stack.ask("line", "password", MAC, "1")["password"]}
    name = f"SEP{MAC.replace(':', '')}.cnf.xml"
    wait_for("its file", lambda: _given(stack, name))
    assert search(stack.edge_folder, secret), "there is nothing that could be found"
    assert "is told to be sealed" in operator.do("An edge that may be stolen")[0]
    wait_for("the seal", lambda: stack.ask("edge", "show", operator.edge_id)["mode"] == "sealed")
    assert search(stack.edge_folder, secret) == []
    assert secret["phone"].encode() in _given(stack, name)

    stack.stop(stack.edge)
    assert search(stack.edge_folder, secret) == []
    stack.stop(stack.hub)
    stack.launch_edge()
    wait_for("an edge that says so", lambda: "serves its phones once the hub" in stack.edge_log())
    assert _given(stack, name) == b""
    stack.start_hub()
    assert secret["phone"].encode() in wait_for("its file", lambda: _given(stack, name))
    assert search(stack.edge_folder, secret) == []

    stack.run("edge", "mode", operator.edge_id, "open", "--yes")
    wait_for("the hub to hear of it", lambda: stack.ask("edge", "show", operator.edge_id)["mode"] == "open")
    stack.stop(stack.edge)
    assert search(stack.edge_folder, secret)


def _given(stack: Stack, name: str) -> bytes:
    """A file as a phone gets it; nothing if it is refused or nobody answers."""
    try:
        return fetch(stack.tftp, name)
    except (FetchFailed, FileRefused):
        return b""


def test_the_other_sections_commands_work(operator: Operator) -> None:
    assert operator.edge_id in operator.do("A long outage")[0]
    assert "Logged in" in operator.do("A lost token")[1]
    assert "whsec_" in operator.do("Alerts where you look anyway")[1]
    assert "Restored on trial" in operator.do("An upgrade")[0]
