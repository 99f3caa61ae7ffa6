"""Every command explains itself, and is run by a test of the file that is named like its module."""

import ast
import functools
from pathlib import Path

import pytest
from typer._click.core import Command

from support.command_line import CommandLine, command_tree, every_command, module_of

COMMANDS = dict(every_command(command_tree()))
MODULES = sorted({module_of(command) for command in COMMANDS.values()})


@functools.cache
def named_in(path: Path) -> frozenset[tuple[str, ...]]:
    """Return the commands that are called with words of their own in a test file: ("site", "add", …)."""
    found: set[tuple[str, ...]] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        sequences = (node.args,) if isinstance(node, ast.Call) else (node.elts,) if isinstance(node, ast.List) else ()
        for elements in sequences:
            words = tuple(
                one.value if isinstance(one, ast.Constant) and isinstance(one.value, str) else "" for one in elements
            )
            found.update(command for command in COMMANDS for at in (0, 1) if words[at:][: len(command)] == command)
    return frozenset(found)


@pytest.mark.parametrize("module", MODULES)
def test_each_file_of_commands_has_a_file_of_tests(module: str) -> None:
    assert (Path(__file__).parent / f"test_{module}.py").exists()


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_each_command_is_run_by_a_test_of_its_file(words: tuple[str, ...]) -> None:
    path = Path(__file__).parent / f"test_{module_of(COMMANDS[words])}.py"
    assert words in named_in(path), f"{path.name} never runs ringfence {' '.join(words)}"


@pytest.mark.parametrize(("words", "command"), COMMANDS.items(), ids=[" ".join(words) for words in COMMANDS])
def test_each_command_explains_itself_and_refuses_what_it_does_not_know(
    stranger: CommandLine, words: tuple[str, ...], command: Command
) -> None:
    said = stranger(*words, "--help")
    for parameter in command.params:
        assert parameter.param_type_name != "option" or parameter.opts[0] in said
    assert stranger.run(*words, "--no-such-option").status == 2


NO_JSON = {
    ("serve",), ("hub", "run"), ("edge", "run"), ("gateway", "run"), ("tunnel", "run"),  # programs, which log
    ("vpn", "follow"),  # as well
    ("audit", "export"),
    ("export", "csv"), ("activation", "export"),  # a table by itself
    ("login",), ("hub", "init"), ("edge", "enrol"), ("gateway", "enrol"), ("tunnel", "enrol"),  # once, by hand
    ("access", "revoke"), ("edge", "revoke"),
}  # fmt: skip


@pytest.mark.parametrize(("words", "command"), COMMANDS.items(), ids=[" ".join(words) for words in COMMANDS])
def test_each_command_has_an_example_and_speaks_to_scripts(words: tuple[str, ...], command: Command) -> None:
    _text, _colon, example = (command.help or "").rpartition("Example: ")
    assert f"ringfence {' '.join(words)}" in example
    options = {option for parameter in command.params for option in parameter.opts}
    assert "--json" in options or words in NO_JSON


def test_the_whole_explains_itself(stranger: CommandLine) -> None:
    said = stranger("--help")
    assert all(words[0] in said for words in COMMANDS)
    assert stranger("--version").startswith("ringfence ")
    assert stranger.run("no-such-command").status == 2
    assert stranger.run().status == 2
