"""Writes the manual pages and the shells' completions, from the commands' own help.

``python scripts/manual.py FOLDER`` writes them into ``docs/man`` and ``packaging/completions`` of ``FOLDER``. There
is a page for ``ringfence``, one for each group of commands, and one for each command outside a group: ``ringfence-
hub(1)``. Pages that people wrote (``docs/man`` in the repository) stay as they are. The pages' date is
SOURCE_DATE_EPOCH.
Source: man(7), groff_man(7).
"""

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from typer._click.core import Command, Context, Parameter  # Typer brings its own Click
from typer.core import TyperArgument, TyperGroup, TyperOption
from typer.main import get_command

from ringfence import __version__
from ringfence.cli.main import make_app

PROGRAM = "ringfence"
BY_HAND = Path(__file__).parents[1] / "docs" / "man"
COMPLETIONS = {"bash": f"bash/{PROGRAM}", "zsh": f"zsh/_{PROGRAM}", "fish": f"fish/{PROGRAM}.fish"}
"""Each shell's file, named as the shell looks for it."""
LOADED_BY_ZSH = f'[[ $zsh_eval_context[-1] != loadautofunc ]] || _{PROGRAM}_completion "$@"\n'
"""zsh loads such a file when it first completes the command, and expects an answer at once."""
ENVIRONMENT = (
    ("RINGFENCE_HUB, RINGFENCE_TOKEN, RINGFENCE_CA", "The hub, a token, the authority: in place of a login."),
    ("RINGFENCE_ORGANISATION", "The organisation that a command is about, where a token is for several."),
    ("RINGFENCE_DRAFT", "The draft to look into, and to edit in."),
)  # fmt: skip


def pages(on: str) -> Iterator[tuple[str, str]]:
    """Yield each page: its name without the section, and its text.

    Args:
        on: The date that the pages show.
    """
    tree = cast("TyperGroup", get_command(make_app()))
    yield PROGRAM, "\n".join(_whole(tree, on)) + "\n"
    for name, command in sorted(tree.commands.items()):
        if not (BY_HAND / f"{PROGRAM}-{name}.1").exists():
            yield f"{PROGRAM}-{name}", "\n".join(_one(name, command, on)) + "\n"


def completions() -> Iterator[tuple[str, str]]:
    """Yield each shell's completion: its file, and what the command line's framework has for that shell.

    Raises:
        SystemExit: The framework wrote none.
    """
    for shell, file in COMPLETIONS.items():
        environment = {**os.environ, f"_{PROGRAM.upper()}_COMPLETE": f"source_{shell}"}
        command = [
            sys.executable,
            "-c",
            f"import sys; sys.argv[0] = {PROGRAM!r}; from ringfence.cli.main import main; main()",
        ]
        text = subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout
        if f"{PROGRAM.upper()}_COMPLETE=complete_{shell}" not in text:
            raise SystemExit(f"there is no completion for {shell}: {text!r}")
        yield file, text.strip("\n") + "\n" + (LOADED_BY_ZSH if shell == "zsh" else "")


def _head(name: str, what: str, on: str) -> list[str]:
    return [
        f'.TH {_roff(name.upper())} 1 {on} "Ringfence {__version__}" "User commands"',
        ".SH NAME", f"{_roff(name)} \\- {_roff(what)}",
    ]  # fmt: skip


def _whole(tree: TyperGroup, on: str) -> Iterator[str]:
    yield from _head(PROGRAM, _summary(tree), on)
    yield from (".SH SYNOPSIS", f".B {PROGRAM}", ".RI [ options ]", ".I command", "\\&...", ".SH DESCRIPTION")
    yield from _prose(tree.help or "")
    yield from (".SH OPTIONS", *_parameters(tree), ".SH COMMANDS")
    for name, command in tree.commands.items():
        yield from (".TP", f".BR {_roff(f'{PROGRAM}-{name}')} (1)", _roff(_sentence(command.help or "")))
    yield ".SH ENVIRONMENT"
    for names, what in ENVIRONMENT:
        yield from (".TP", f".B {_roff(names)}", _roff(what))
    yield from (".SH EXIT STATUS", "0 if it did what was asked. What the others mean is said in", ".I exit\\-codes.md")
    yield "beside the other documents."


def _one(name: str, command: Command, on: str) -> Iterator[str]:
    words = f"{PROGRAM} {name}"
    yield from _head(f"{PROGRAM}-{name}", _summary(command), on)
    leaves = list(_leaves(command, words))
    yield ".SH SYNOPSIS"
    for place, (path, leaf) in enumerate(leaves):
        yield from ((".br",) if place else ())
        yield from _usage(path, leaf)
    yield ".SH DESCRIPTION"
    yield from _prose(command.help or "")
    if isinstance(command, TyperGroup):
        yield ".SH COMMANDS"
        for path, leaf in leaves:
            yield f".SS {_roff(path)}"
            yield from _prose(leaf.help or "")
            yield from _parameters(leaf)
    else:
        yield from (".SH OPTIONS", *_parameters(command))
    yield from (".SH SEE ALSO", f".BR {PROGRAM} (1)")


def _leaves(command: Command, above: str) -> Iterator[tuple[str, Command]]:
    if not isinstance(command, TyperGroup):
        yield above, command
        return
    for name, under in command.commands.items():
        if not under.hidden:
            yield from _leaves(under, f"{above} {name}")


def _usage(path: str, command: Command) -> Iterator[str]:
    yield f".B {_roff(path)}"
    if any(isinstance(each, TyperOption) and each.name != "help" for each in _shown(command)):
        yield ".RI [ options ]"
    for each in _shown(command):
        if isinstance(each, TyperArgument):
            name = _roff(_placeholder(each))
            yield f".I {name}" if each.required else f".RI [ {name} ]"


def _shown(command: Command) -> Iterator[Parameter]:
    return (each for each in command.params if not getattr(each, "hidden", False) and each.name != "help")


def _placeholder(parameter: Parameter) -> str:
    return (parameter.metavar or parameter.name or "").strip("[]{}").upper()


def _value(option: TyperOption, of: Command) -> str:
    """Return what stands for an option's value: its own word, or what kind of value it takes."""
    return (option.metavar or option.display_type(Context(of)).strip("<>")).upper()


def _default(parameter: Parameter) -> str:
    value = parameter.default
    is_told = isinstance(value, str | int | float) and not isinstance(value, bool) and value != ""
    return f" Default: {value}." if is_told and not parameter.required else ""


def _parameters(command: Command) -> Iterator[str]:
    for each in _shown(command):
        yield ".TP"
        if isinstance(each, TyperArgument):
            yield f".I {_roff(_placeholder(each))}"
        elif isinstance(each, TyperOption):
            names = ", ".join((*each.opts, *each.secondary_opts))
            is_flag = each.is_flag or each.count
            value = "" if is_flag else f" \\fI{_roff(_value(each, command))}\\fR"
            yield f"\\fB{_roff(names)}\\fR{value}"
        said = re.sub(r"\s+", " ", getattr(each, "help", None) or "").strip()
        must = " Required." if each.required and isinstance(each, TyperOption) else ""
        yield _roff(f"{said}{must}{_default(each)}".strip()) or "\\&"


def _sentence(text: str) -> str:
    return re.sub(r"\s+", " ", inspect.cleandoc(text).split("\n\n", maxsplit=1)[0]).strip()


def _summary(command: Command) -> str:
    """Return what a command does as a page's NAME has it: one line, no full stop."""
    return _sentence(command.help or "").rstrip(".")


def _prose(text: str) -> Iterator[str]:
    """Yield a help text's lines: paragraphs, and its examples as they are typed."""
    for number, paragraph in enumerate(re.split(r"\n\s*\n", inspect.cleandoc(text).replace("\b", ""))):
        if paragraph.startswith("Example: "):
            yield from (".PP", "Example:", ".PP", ".RS 4", ".EX")
            yield from map(_roff, paragraph.removeprefix("Example: ").splitlines())
            yield from (".EE", ".RE")
        else:
            yield from ((".PP",) if number else ())
            yield _roff(re.sub(r"\s+", " ", paragraph.replace("``", "")).strip())


def _roff(text: str) -> str:
    r"""Return a text as roff reads it back: no escapes, no requests, hyphens that can be copied into a shell."""
    written = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{written}" if written.startswith((".", "'")) else written


def main(folder: Path) -> None:
    """Write every page and every completion below ``folder``."""
    on = datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), UTC).date().isoformat()
    written = [(f"docs/man/{name}.1", text) for name, text in pages(on)]
    written += [(f"packaging/completions/{name}", text) for name, text in completions()]
    for name, text in written:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
