"""The command line in the test's own process: what it prints, and how it ends."""

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from unittest import mock

import typer
from typer._click.core import Command, Context  # Typer brings its own Click
from typer.core import TyperGroup
from typer.main import get_command

from ringfence.cli.main import main, make_app


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str


def _no_other_process(_path: str, command: Sequence[str]) -> None:
    raise AssertionError(f"this becomes another process, so start it as one: {command}")


class CommandLine:
    """Runs ``ringfence`` with variables of its own."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.variables = {"COLUMNS": "240", "NO_COLOR": "1", **variables}

    def run(self, *words: str, stdin: str = "") -> Ended:
        """Run a command, however it ends."""
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
        with (
            mock.patch.object(sys, "argv", ["ringfence", *words]),
            mock.patch.object(sys, "stdin", io.StringIO(stdin)),
            mock.patch.dict(os.environ, self.variables),
            mock.patch.object(os, "execv", _no_other_process),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            try:
                main()
                status = 0
            except SystemExit as ended:
                status = int(ended.code or 0)
        said = [each.buffer.getvalue().decode() for each in (out, err) if isinstance(each.buffer, io.BytesIO)]
        return Ended(status, *said)

    @contextlib.contextmanager
    def started(self, *words: str) -> Iterator["subprocess.Popen[str]"]:
        """Start a command that goes on until it is stopped, in a process of its own."""
        command = [sys.executable, "-m", "ringfence.cli.main", *words]
        with subprocess.Popen(
            command, env={**os.environ, **self.variables}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as running:
            try:
                yield running
            finally:
                running.terminate()

    def __call__(self, *words: str, stdin: str = "") -> str:
        """Run a command that must succeed; return what it printed."""
        ended = self.run(*words, stdin=stdin)
        assert (ended.status, ended.err) == (0, ""), (words, ended)
        return ended.out

    def ask(self, *words: str, stdin: str = "") -> Any:  # noqa: ANN401 - JSON
        """Run a command for a script; return what it printed."""
        return json.loads(self(*words, "--json", stdin=stdin))

    def refused(self, status: int, *words: str, stdin: str = "") -> str:
        """Run a command that must end with this status; return its one line, which says what is wrong."""
        ended = self.run(*words, stdin=stdin)
        assert ended.status == status, (words, ended)
        assert ended.err.startswith("ringfence: "), ended
        assert ended.err.count("\n") == 1, ended
        return ended.err


def command_tree() -> TyperGroup:
    """Return the whole command line."""
    tree = get_command(make_app())
    assert isinstance(tree, TyperGroup)
    return tree


def every_command(tree: TyperGroup, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Command]]:
    """Yield each command with the words that call it."""
    for name, command in tree.commands.items():
        if isinstance(command, TyperGroup):
            yield from every_command(command, (*above, name))
        else:
            yield (*above, name), command


def module_of(command: Command) -> str:
    """Return the module of ``ringfence.cli`` that a command is in."""
    assert command.callback is not None
    return str(command.callback.__module__).rpartition(".")[2]


def parse(tree: Command, words: Sequence[str], context: Context | None = None) -> None:
    """Read a command line without running it; a UsageError says what does not fit."""
    with contextlib.suppress(typer.Exit):  # --help and --version end it
        made = tree.make_context(context.info_name if context else "ringfence", list(words), parent=context)
        if isinstance(tree, TyperGroup):
            _name, command, rest = tree.resolve_command(made, [*made._protected_args, *made.args])
            assert command is not None
            parse(command, rest, made)
