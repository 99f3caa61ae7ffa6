"""The proof from inside: code that runs as a worker, confined as a worker is, and tries what it must not be able to.

``support/inside_worker.py`` does the trying, in a process of its own; each refusal is told apart by its error.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ringfence.server.confinement import landlock
from ringfence.server.confinement.steps import MOST_MEMORY_BYTES
from ringfence.server.confinement.syscalls import architecture_here

SCRIPT = Path(__file__).parents[1] / "support" / "inside_worker.py"
HAS_A_FILTER = architecture_here() is not None
Outcomes = dict[str, Any]
"""Any: JSON, as the script prints it."""
WHO = [pytest.param("root", marks=pytest.mark.needs("root")), "plain"]
STANDS_STILL = {"open /", "open .", "open ..", "look at /", "look at .", "look at .."}


def inside(who: str, what: str) -> Outcomes:
    shown = subprocess.run(
        [sys.executable, str(SCRIPT), who, what], capture_output=True, text=True, check=False, timeout=120
    )
    assert shown.returncode == 0, (shown.returncode, shown.stderr)
    answers: Outcomes = json.loads(shown.stdout)
    return answers


@pytest.fixture(scope="module", params=WHO)
def everything(request: pytest.FixtureRequest) -> Outcomes:
    if not HAS_A_FILTER:
        pytest.skip("there is no table of system calls for this architecture")
    answers = inside(request.param, "everything")
    assert answers["confined"] == [request.param == "root", landlock.version_here() > 0, True]
    return answers


def test_a_worker_opens_makes_lists_and_looks_at_no_file(everything: Outcomes) -> None:
    tried = everything["files"]
    assert len(tried) > 40
    assert {name: outcome for name, outcome in tried.items() if outcome != "EPERM"} == {}


def test_a_worker_gets_no_socket_but_for_udp(everything: Outcomes) -> None:
    tried = dict(everything["sockets"])
    again = tried.pop("connect TCP over a phone's socket")
    assert len(tried) > 50
    assert {name: outcome for name, outcome in tried.items() if outcome != "EPERM"} == {}
    # The one way that a list of calls can't see: Landlock does, from Linux 6.7 on.
    assert again == ("EACCES" if everything["landlock"] >= 4 else "reached")
    assert everything["own business"] == "serving goes on"


@pytest.mark.unmeasured
def test_a_worker_starts_reads_stops_and_becomes_no_other_process(everything: Outcomes) -> None:
    tried = everything["processes"]
    assert len(tried) > 20
    assert {name: outcome for name, outcome in tried.items() if outcome != "EPERM"} == {}


def test_the_kernel_itself_refuses_every_call_that_is_on_no_list(everything: Outcomes) -> None:
    swept = everything["sweep"]
    assert set(swept) == {"EPERM", "ENOSYS"}
    assert len(swept["EPERM"]) > 300
    assert min(swept["ENOSYS"]) > max(swept["EPERM"])


def test_a_worker_keeps_so_much_memory_and_so_many_descriptors_and_no_more(everything: Outcomes) -> None:
    assert MOST_MEMORY_BYTES // 2 < everything["memory"] < MOST_MEMORY_BYTES
    count, fault = everything["descriptors"]
    assert fault == "EMFILE"
    assert 64 < count < 128


@pytest.mark.needs("root")
def test_without_the_rest_an_empty_root_directory_and_nobodys_account_hold_it() -> None:
    answers = inside("root", "root directory")
    assert answers["confined"] == [True, False, False]
    outcomes = {name: outcome for name, outcome in answers["files"].items() if name not in STANDS_STILL}
    reached = {name for name, outcome in outcomes.items() if outcome == "reached"}
    # What needs no path; and to go where one is.
    assert reached <= {"open a path only", "create a file of memory", "list /", "list .", "change the folder"}
    made = {name: outcomes[name] for name in ("create", "make a folder", "make a device", "make a link")}
    assert set(made.values()) <= {"ENOENT", "EACCES", "EPERM"}
    assert all(outcomes[f"open {path}"] == "ENOENT" for path in ("/etc/passwd", "/proc/self/mem", "/dev/null"))
    assert answers["sockets"]["socket packet raw"] == "EPERM"
    assert answers["processes"] == {"signal the parent": "EPERM", "become root": "EPERM", "fork": "EAGAIN"}


@pytest.mark.parametrize("who", WHO)
def test_without_the_rest_landlock_keeps_it_from_every_file(who: str) -> None:
    if landlock.version_here() < 1:
        pytest.skip("this kernel has no Landlock")
    answers = inside(who, "Landlock")
    assert answers["confined"] == [who == "root", True, False]
    if who == "plain":  # else there is nothing to open anyway
        for name in ("open /etc/passwd", "open /dev/null", "open /", "list /", "create in /tmp"):
            assert answers["files"][name] == "EACCES", name
    assert answers["processes"]["signal the parent"] == "EPERM"


@pytest.mark.needs("root")
def test_without_landlock_the_list_of_calls_keeps_it_from_every_file() -> None:
    if not HAS_A_FILTER:
        pytest.skip("there is no table of system calls for this architecture")
    answers = inside("plain", "system calls")
    assert answers["confined"] == [False, False, True]
    assert set(answers["files"].values()) == {"EPERM"}
    assert "not by an empty root directory as nobody and Landlock" in answers["words"]
