"""A program that is kept running, and the one that an earlier helper left behind."""

import os
import signal
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from ringfence.edge.errors import PortRefused, ProgramMissing
from ringfence.edge.network import programs
from ringfence.edge.network.programs import KeptProgram, find, run
from support.box_network import wait_until


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KeptProgram]:
    monkeypatch.setitem(programs.PACKAGES, "sleep", "coreutils")
    made = KeptProgram("sleep", ["1000.5"], tmp_path / "pid")
    yield made
    made.end()


def test_it_is_started_again_when_it_was_killed(kept: KeptProgram, tmp_path: Path) -> None:
    kept.start()
    first = int((tmp_path / "pid").read_text())
    assert kept.look_after() == ""
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: not kept.is_alive, "it lives")
    assert "is started again" in kept.look_after()
    wait_until(lambda: kept.look_after() == "", "it stays away")
    assert int((tmp_path / "pid").read_text()) != first


def test_one_that_ends_at_once_is_started_ever_more_rarely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(programs.PACKAGES, "false", "coreutils")
    now = [0.0]
    monkeypatch.setattr("ringfence.edge.network.programs.time.monotonic", lambda: now[0])
    failing = KeptProgram("false", [], tmp_path / "pid")
    failing.start()
    starts = []
    while now[0] < 200:
        if failing._child is not None:
            failing._child.wait()
        before = failing._started_at
        failing.look_after()
        if failing._started_at != before:
            starts.append(now[0])
        now[0] += 0.5
    failing.end()
    gaps = [after - before for before, after in pairwise(starts)]
    assert gaps == sorted(gaps)
    assert gaps[-1] > 25


def test_what_an_earlier_helper_left_is_ended_and_nothing_else(kept: KeptProgram, tmp_path: Path) -> None:
    with subprocess.Popen(["/usr/bin/sleep", "1000.5"]) as left, subprocess.Popen(["/usr/bin/sleep", "1000"]) as other:
        (tmp_path / "pid").write_text(str(left.pid))
        for process in (left, other):  # the kernel shows a program's arguments a moment after it has begun
            wait_until(Path(f"/proc/{process.pid}/cmdline").read_bytes, "it has no arguments")
        kept.end()
        assert left.wait() == -signal.SIGTERM
        (tmp_path / "pid").write_text(str(other.pid))
        kept.end()
        assert other.poll() is None
        other.kill()
    for text in ("", "x", "999999999", "-1"):
        (tmp_path / "pid").write_text(text)
        kept.end()


def test_what_is_not_installed_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "FOLDERS", "/nowhere")
    with pytest.raises(ProgramMissing, match="apt install nftables"):
        find("nft")


def test_what_a_program_says_is_told_in_one_line() -> None:
    with pytest.raises(PortRefused, match=r"ls says no: .*nowhere"):
        run("/usr/bin/ls", "/nowhere\nx")
    with pytest.raises(PortRefused, match="can't be run"):
        run("/nowhere/ls")
    with pytest.raises(PortRefused, match="status 1"):
        run("/usr/bin/false")
