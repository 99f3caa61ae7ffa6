"""Commands that can't be undone ask first; where nobody can be asked, they do nothing without --yes."""

import io
import sys
from unittest import mock

import pytest

from ringfence.cli.support.questions import confirm
from support.command_line import CommandLine, command_tree, every_command

DESTRUCTIVE = {"remove", "revoke", "rollback", "revoke-token"}
TELLS_FIRST = {("release", "rollback")}
"""Commands that read from the hub what they would take away; tests/cli/test_release_cmd.py asks this one."""
COMMANDS = [
    words for words, _command in every_command(command_tree()) if words[-1] in DESTRUCTIVE and words not in TELLS_FIRST
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_without_a_terminal_nothing_is_removed_unless_it_is_meant(
    ringfence: CommandLine, words: tuple[str, ...]
) -> None:
    """The hub is not even asked: each of these names nothing that there is."""
    tree = dict(every_command(command_tree()))
    given = ["1" for parameter in tree[words].params if parameter.param_type_name == "argument" and parameter.required]
    said = ringfence.refused(3, *words, *given)
    assert "--yes" in said
    assert ringfence.run(*words, *given, "--yes").status in {3, 4}


def test_there_is_a_question_for_everything_that_removes() -> None:
    assert len(COMMANDS) >= 13


class Terminal(io.StringIO):
    """Standard input that is a terminal, with what somebody types."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("typed", "is_gone"), [("y\n", True), ("n\n", False), ("\n", False), ("", False)])
def test_on_a_terminal_it_is_asked(ringfence: CommandLine, typed: str, is_gone: bool) -> None:
    made = ringfence.ask("group", "add", "Asked")
    with mock.patch.object(io, "StringIO", Terminal):
        ended = ringfence.run("group", "remove", made["id"], stdin=typed)
    assert f"Remove group {made['id']}" in ended.err
    assert (ended.status == 0) is is_gone
    if not is_gone:
        ringfence("group", "remove", "--yes", made["id"])


def test_a_name_moves_no_terminal() -> None:
    with mock.patch.object(sys, "stdin", Terminal("n\n")), mock.patch("typer.confirm", return_value=True) as asked:
        confirm("Remove \x1b[2J", yes=False)
    assert "\x1b" not in asked.call_args.args[0]
