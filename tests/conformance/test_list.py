"""The list itself: every entry has a test, and no test names an entry that there is not."""

import ast
import functools
from pathlib import Path

import pytest

from conformance.clauses import CLAUSES
from conformance.table import Recorder, kind_of, state_of


@functools.cache
def marked_numbers() -> dict[int, list[str]]:
    """Each number that a test of this folder is marked with, and those tests."""
    found: dict[int, list[str]] = {}
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.FunctionDef):
                continue
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.clause":
                    for number in ast.literal_eval(ast.Tuple(decorator.args, ast.Load())):
                        found.setdefault(number, []).append(f"{path.name}::{node.name}")
    return found


def test_the_list_has_the_numbers_1_to_87_in_order() -> None:
    assert [clause.number for clause in CLAUSES] == list(range(1, 88))
    assert all(clause.text and clause.source for clause in CLAUSES)


@pytest.mark.parametrize("clause", CLAUSES, ids=lambda clause: str(clause.number))
def test_every_entry_has_a_test(clause: object) -> None:
    assert getattr(clause, "number", None) in marked_numbers(), clause


def test_no_test_names_an_unknown_entry() -> None:
    assert marked_numbers().keys() <= {clause.number for clause in CLAUSES}


def test_each_entry_of_the_protocol_is_shown_on_the_server_and_not_on_the_machine_alone() -> None:
    for number, tests in marked_numbers().items():
        assert any(kind_of(test) == "server" for test in tests), number


@pytest.mark.parametrize(
    ("outcomes", "state"),
    [
        ([], "not run"),
        (["passed", "passed"], "pass"),
        (["passed", "failed"], "FAIL"),
        (["skipped", "failed"], "FAIL"),
        (["skipped"], "not run"),
        (["skipped", "passed"], "pass in part"),
    ],
)
def test_what_the_table_says_of_the_tests_outcomes(outcomes: list[str], state: str) -> None:
    assert state_of(outcomes) == state


def test_a_failed_test_is_a_failed_entry_and_a_deviation_says_so_with_its_reason() -> None:
    recorder = Recorder()
    recorder.outcomes = {(number, "server"): ["passed"] for number in range(1, 88)}
    recorder.outcomes[13, "machine"] = ["passed"]
    recorder.outcomes[14, "server"] = ["failed"]
    lines = {line.number: line for line in recorder.lines()}
    assert (lines[1].machine, lines[1].server, lines[1].verdict) == ("", "pass", "pass")
    assert (lines[13].machine, lines[13].verdict) == ("pass", "deviation")
    assert "port unreachable" in lines[13].reason
    assert lines[14].verdict == "FAIL"
