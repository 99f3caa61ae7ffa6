"""The launcher of two slots: a new version is tried once, and the old one goes on whatever becomes of it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ringfence.edge.software import launcher, trial
from stack import free_port, wait_for

# What stands in for a slot's interpreter: it notes that it runs, answers by TFTP, and says that it is well, or not.
EDGE = """#!{python} -I
import os, signal, socket, sys, time
from pathlib import Path
slot = Path(__file__).parents[1]
how = (slot / "how").read_text()
with (slot.parent / "runs").open("a") as runs:
    runs.write(slot.name + "\\n")
if how == "crashes":
    raise ImportError("no module of that name")
if how == "ignores":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
told = os.environ.get("RINGFENCE_TRIAL_FD")
if told and how in ("well", "mute"):
    os.write(int(told), b"healthy\\n")
host, port = sys.argv[sys.argv.index("--listen") + 1].split(":")
with socket.socket(type=socket.SOCK_DGRAM) as phones:
    phones.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    phones.bind((host, int(port)))
    (slot.parent / "serving").write_text(slot.name)
    while True:
        asked, who = phones.recvfrom(600)
        if how != "mute" or not told:
            phones.sendto(b"\\0\\5\\0\\1" + slot.name.encode() + b"\\0", who)
"""


class RunningSlots:
    """Slots below a folder, and the launcher's process."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.state = folder, folder / "state"
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.state.mkdir(parents=True)
        for slot in launcher.SLOTS:
            python = folder / slot / "bin" / "python"
            python.parent.mkdir(parents=True)
            python.write_text(EDGE.format(python=sys.executable))
            python.chmod(0o755)
            self.make(slot, "well")
        launcher.write_state(self.state, launcher.first_state())

    def make(self, slot: str, how: str) -> None:
        (self.folder / slot / "how").write_text(how)

    def start(self) -> None:
        command = [sys.executable, "-I", launcher.__file__, "--listen", f"127.0.0.1:{self.port}"]
        code = "import sys, runpy; from pathlib import Path; g = runpy.run_path(sys.argv[1])\n"
        code += "sys.exit(g['SlotLauncher'](Path(sys.argv[2]), sys.argv[3:]).run())"
        command[1:3] = ["-I", "-c", code, launcher.__file__, str(self.folder)]
        self.process = subprocess.Popen(command)

    def try_version(self, version: str, within_s: float = 60) -> None:
        with launcher.changing(self.state) as state:
            state["trial"] = {"slot": "b", "version": version, "begun": False, "within_s": within_s}

    def known(self) -> dict[str, Any]:
        return launcher.read_state(self.state)

    def wait_serving(self, slot: str) -> None:
        def look() -> bool:
            found = self.folder / "serving"
            return found.exists() and found.read_text() == slot and launcher._answers(("127.0.0.1", self.port))

        wait_for(f"slot {slot}", look)

    def runs(self) -> list[str]:
        return (self.folder / "runs").read_text().split()

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        if self.process is None:
            return 0
        self.process.send_signal(number)
        status = self.process.wait(120)
        self.process = None
        return status


@pytest.fixture
def slots(tmp_path: Path) -> Iterator[RunningSlots]:
    made = RunningSlots(tmp_path / "slots")
    made.start()
    made.wait_serving("a")
    yield made
    made.end()


def test_a_version_that_is_well_is_the_one_from_then_on(slots: RunningSlots) -> None:
    slots.try_version("0.2.0")
    wait_for("the end of the trial", lambda: slots.known()["current"] == "b")
    slots.wait_serving("b")
    assert slots.known()["trial"] is None
    assert slots.known()["said"] == "Version 0.2.0 was tried and is well."
    slots.end()
    slots.start()
    wait_for("the third run", lambda: slots.runs() == ["a", "b", "b"])


@pytest.mark.parametrize(
    ("how", "within_s", "why"),
    [
        ("crashes", 600, "it ended with status 1"),
        ("never", 3, "it was not connected to its hub with the hub's release served in time"),
        ("mute", 25, "it does not answer by TFTP"),
        ("ignores", 3, "it was not connected to its hub with the hub's release served in time"),
    ],
)
def test_a_version_that_is_not_well_is_given_up_and_the_old_one_goes_on(
    slots: RunningSlots, how: str, within_s: float, why: str
) -> None:
    slots.make("b", how)
    slots.try_version("0.2.0", within_s)
    wait_for("the end of the trial", lambda: slots.known()["failed"])
    slots.wait_serving("a")
    known = slots.known()
    assert (known["current"], known["trial"], known["failed"]) == ("a", None, {"0.2.0": why})
    assert slots.runs()[-1] == "a"


def test_a_slot_without_an_interpreter_is_given_up(slots: RunningSlots) -> None:
    (slots.folder / "b" / "bin" / "python").unlink()
    slots.try_version("0.2.0")
    wait_for("the end of the trial", lambda: slots.known()["failed"] == {"0.2.0": "it ended with status 127"})
    slots.wait_serving("a")


def test_a_trial_that_is_cut_short_by_a_kill_is_not_tried_again(slots: RunningSlots) -> None:
    slots.make("b", "never")
    slots.try_version("0.2.0", within_s=600)
    wait_for("the trial", lambda: slots.runs() == ["a", "b"])
    slots.end(signal.SIGKILL)  # as a cut of the power is: nothing is written any more
    assert slots.known()["trial"]["begun"]
    slots.start()
    wait_for("the old version", lambda: slots.runs() == ["a", "b", "a"])
    slots.wait_serving("a")
    assert slots.known()["failed"] == {"0.2.0": "the machine or its launcher was stopped before it was well"}


def test_a_kill_while_nothing_is_tried_changes_nothing(slots: RunningSlots) -> None:
    before = slots.known()
    slots.end(signal.SIGKILL)
    slots.start()
    wait_for("the second run", lambda: slots.runs() == ["a", "a"])
    assert slots.known() == before


def test_a_version_that_waits_when_the_machine_stops_is_tried_after_its_start(slots: RunningSlots) -> None:
    slots.end()
    slots.try_version("0.2.0")
    slots.start()
    wait_for("the end of the trial", lambda: slots.known()["current"] == "b")
    assert slots.runs() == ["a", "b"]


@pytest.mark.parametrize("begun", [True, False])
def test_phones_are_served_where_nothing_can_be_written(slots: RunningSlots, *, begun: bool) -> None:
    slots.end()
    with launcher.changing(slots.state) as state:
        state["trial"] = {"slot": "b", "version": "0.2.0", "begun": begun, "within_s": 60}
    (slots.state / "state.json.new").mkdir()  # what a file is written as can't be made
    before = slots.known()
    slots.start()
    wait_for("the second run", lambda: slots.runs() == ["a", "a"])
    slots.wait_serving("a")
    assert slots.known() == before


def test_the_edges_own_end_is_the_launchers(slots: RunningSlots) -> None:
    assert slots.end() == 128 + signal.SIGTERM  # what stands in for an edge leaves the signal to the system


@pytest.mark.parametrize("cut", ["open", "fdopen", "fsync", "replace"])
def test_a_fault_in_any_step_of_a_write_leaves_what_was_known(
    cut: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher.write_state(tmp_path, launcher.first_state())
    new = {**launcher.first_state(), "current": "b"}

    def fail(*_arguments: object, **_named: object) -> None:
        raise OSError(5, "cut")

    with monkeypatch.context() as patched:
        patched.setattr(Path if cut == "replace" else os, cut, fail)
        with pytest.raises(OSError, match="cut"):
            launcher.write_state(tmp_path, new)
    assert launcher.read_state(tmp_path) == launcher.first_state()
    launcher.write_state(tmp_path, new)
    assert launcher.read_state(tmp_path)["current"] == "b"


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"current":"c"}', "[" * 60_000, '{"current":"b","trial":7,"failed":{},"said":""}',
     '{"current":"b","trial":{"slot":"b","version":1,"begun":false,"within_s":1},"failed":{},"said":""}'],
)  # fmt: skip
def test_what_can_not_be_read_is_as_at_the_beginning(text: str, tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text(text)
    assert launcher.read_state(tmp_path) == launcher.first_state()


def test_a_link_in_the_states_place_is_neither_read_nor_written_through(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text(json.dumps({**launcher.first_state(), "current": "b"}))
    (tmp_path / "state.json").symlink_to(other)
    (tmp_path / "state.json.new").symlink_to(other)
    assert launcher.read_state(tmp_path)["current"] == "a"
    before = other.read_text()
    launcher.write_state(tmp_path, launcher.first_state())
    assert other.read_text() == before


def test_the_edge_and_the_launcher_mean_the_same_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    monkeypatch.setenv(launcher.TRIAL_FD, str(writing))
    told = trial.SoftwareTrial()
    assert launcher.TRIAL_FD not in os.environ
    told.tell()
    told.tell()
    assert os.read(reading, 64) == launcher.HEALTHY
    os.close(reading)


@pytest.mark.parametrize("text", ["", "x", "-1", "999999"])
def test_a_variable_of_somebody_elses_is_no_trial(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(launcher.TRIAL_FD, text)
    told = trial.SoftwareTrial()
    assert not told.is_on
    told.tell()


def test_the_launcher_needs_the_standard_library_alone() -> None:
    code = f"import runpy, sys; runpy.run_path({launcher.__file__!r}); print(*sys.modules)"
    found = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True).stdout
    assert {name.partition(".")[0] for name in found.split()} <= sys.stdlib_module_names | {"__main__"}
