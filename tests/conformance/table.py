"""``make conformance``: run the conformance list's tests and print it as a table. CONFORMANCE=--json for scripts.

The exit status is that of the tests: 0 if every clause that could be run holds, or deviates as its entry says.
"""

import argparse
import json
import sys
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

if __name__ == "__main__":  # as a script its own folder is in the path; the tests' modules are beside it
    sys.path[0] = str(Path(__file__).parent.parent)

from conformance.clauses import CLAUSES

KINDS = ("machine", "server")
_STYLES = {"FAIL": "bold red", "deviation": "yellow", "not run": "dim", "pass in part": "yellow"}


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of the table; ``verdict`` is "pass", "FAIL", "deviation", "pass in part" or "not run"."""

    number: int
    clause: str
    source: str
    machine: str
    server: str
    verdict: str
    reason: str = ""


def kind_of(test: str) -> str:
    """Return whether a test shows the machine or the server: its file's name says so."""
    return "machine" if "test_machine_" in test else "server"


def state_of(outcomes: Sequence[str]) -> str:
    """Return what several tests of the same thing come to."""
    if "failed" in outcomes:
        return "FAIL"
    if "skipped" in outcomes and "passed" in outcomes:
        return "pass in part"
    return "pass" if "passed" in outcomes else "not run"


class Recorder:
    """A pytest plugin that notes how the tests of each entry went."""

    def __init__(self) -> None:
        self.outcomes: dict[tuple[int, str], list[str]] = {}
        self._missing: dict[int, set[str]] = {}
        self._ran = 0

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Note the outcome of a test under each number that it is marked with."""
        report = yield
        if report.when == "call" or report.outcome != "passed":
            for marker in item.iter_markers("clause"):
                for number in marker.args:
                    self.outcomes.setdefault((number, kind_of(item.nodeid)), []).append(report.outcome)
                    if report.skipped:
                        self._missing.setdefault(number, set()).add(_why_skipped(report))
        return report

    def lines(self) -> list[Line]:
        """Return the table."""
        lines = []
        for clause in CLAUSES:
            states = {kind: self.outcomes.get((clause.number, kind), []) for kind in KINDS}
            verdict = state_of([outcome for outcomes in states.values() for outcome in outcomes])
            reason = "; ".join(sorted(self._missing.get(clause.number, ())))
            if clause.deviation and verdict != "FAIL":
                verdict, reason = "deviation", clause.deviation
            shown = {kind: state_of(outcomes) if outcomes else "" for kind, outcomes in states.items()}
            lines.append(
                Line(clause.number, clause.text, clause.source, shown["machine"], shown["server"], verdict, reason)
            )
        return lines


def _why_skipped(report: pytest.TestReport) -> str:
    """Return a skip's reason: "needs root: run as root"."""
    return str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr).removeprefix("Skipped: ")


def show(lines: Sequence[Line]) -> None:
    """Print the table for people."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", justify="right")
    for heading in ("clause", "source", "machine", "server", "verdict"):
        table.add_column(heading, overflow="fold", no_wrap=heading in {"machine", "server"})
    for line in lines:
        said = f"{line.verdict}: {line.reason}" if line.reason else line.verdict
        table.add_row(
            str(line.number), line.clause, line.source, line.machine, line.server, said, style=_STYLES.get(line.verdict)
        )
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    console.print(table)
    counts = {verdict: sum(line.verdict == verdict for line in lines) for verdict in ("pass", *_STYLES)}
    console.print(", ".join(f"{count} × {verdict}" for verdict, count in counts.items() if count))


def main(arguments: Sequence[str]) -> int:
    """Run the tests and print the table; return the exit status."""
    parser = argparse.ArgumentParser(description="Run the conformance list's tests and print it as a table.")
    parser.add_argument("--json", action="store_true", help="print JSON for scripts instead of a table for people")
    as_json = parser.parse_args(arguments).json
    recorder = Recorder()
    options = [str(Path(__file__).parent), "-q", "-rN", "--tb=short"]
    if as_json:
        stdout, sys.stdout = sys.stdout, sys.stderr
        status = pytest.main(options, plugins=[recorder])
        sys.stdout = stdout
        sys.stdout.write(json.dumps([asdict(line) for line in recorder.lines()], indent=2, ensure_ascii=False) + "\n")
    else:
        status = pytest.main(options, plugins=[recorder])
        show(recorder.lines())
    return int(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
