"""Every command line that a hint, a help text or a document names is one that can be given."""

import re
import subprocess
from pathlib import Path

import pytest
from typer._click.exceptions import BadParameter, ClickException, MissingParameter
from typer.core import TyperGroup

from ringfence.server.standalone.options import make_parser
from support.command_line import command_tree, every_command, parse
from support.command_lines import Named, in_document, in_source, in_text, made_in

ROOT = Path(__file__).parents[2]
TREE = command_tree()
COMMANDS = dict(every_command(TREE))
SOURCES = sorted((ROOT / "src").rglob("*.py"))
DOCUMENTS = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "docs").rglob("*.[18]"),
        *(ROOT / "packaging").rglob("*.service"),
        *(ROOT / "examples").rglob("*.md"),
    ]
)
_A_NUMBER = "1"


def fault_of(words: tuple[str, ...], *, is_mention: bool) -> str:
    """Return what is wrong with a command line; nothing where it can be given."""
    if words in COMMANDS or (len(words) == 1 and isinstance(TREE.commands.get(words[0]), TyperGroup)):
        return ""  # the name of a command or group
    given = list(words)
    while True:
        try:
            parse(TREE, given)
        except MissingParameter as fault:
            return "" if is_mention else fault.format_message()
        except BadParameter as fault:
            placeholders = [at for at, word in enumerate(given) if re.fullmatch(r"[A-Z…]+", word)]
            if not placeholders:
                return fault.format_message()
            given[placeholders[-1]] = _A_NUMBER  # it may stand for one
        except ClickException as fault:
            return fault.format_message()
        else:
            return ""


def faults(named: Named) -> str:
    """Return what is wrong with a command line in each way that it can be read; nothing where one of them fits."""
    found = [fault_of(reading, is_mention=named.is_mention) for reading in named.readings()]
    return "" if not all(found) else f"{named.where}: ringfence {' '.join(named.words)}: {found[0]}"


@pytest.mark.parametrize("folder", sorted({path.parent for path in SOURCES}), ids=lambda path: path.name)
def test_hints_and_help_texts_name_command_lines_that_can_be_given(folder: Path) -> None:
    named = [line for path in sorted(folder.glob("*.py")) for line in in_source(path)]
    assert [said for line in named if (said := faults(line))] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_documents_name_command_lines_that_can_be_given(path: Path) -> None:
    assert [said for line in in_document(path) if (said := faults(line))] == []


def test_there_are_command_lines_to_look_at() -> None:
    assert sum(1 for path in SOURCES for _ in in_source(path)) > 100
    assert sum(1 for path in DOCUMENTS for _ in in_document(path)) > 50


@pytest.mark.parametrize(
    "text",
    [
        "Next: ringfence phone add X --site X --family …",
        "Run ringfence sites list.",
        "Example: ringfence site rename SITE",
        "See ringfence release rollback SITE.",
        "ringfence publish --dryrun shows it",
        "Give ringfence line set MAC one.",
        "`ringfence guard polcy SITE` shows it",
    ],
)
def test_a_command_line_that_can_not_be_given_is_found(text: str) -> None:
    (named,) = in_text(text, "here")
    assert faults(named)


@pytest.mark.parametrize(
    "text",
    [
        "Next: ringfence phone add X --site X --model …",
        "The id, as `ringfence site list` shows it.",
        "ringfence publish --dry-run shows what changes.",
        "Back again: ringfence release rollback SITE N, or publish.",
        "ringfence guard's orders",
        "ringfence line set MAC 1 --name USER.",
    ],
)
def test_a_command_line_in_a_sentence_is_read(text: str) -> None:
    (named,) = in_text(text, "here")
    assert faults(named) == ""


def test_every_target_of_make_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z0-9]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    files = [*SOURCES, *DOCUMENTS, *ROOT.glob("tests/**/*.py")]
    named = {target for path in files for target in made_in(path.read_text())}
    assert {"test", "demo", "check"} <= named
    assert named <= targets


def test_make_help_lists_every_target() -> None:
    command = ["env", "-u", "MAKEFLAGS", "-u", "MAKELEVEL", "make", "help"]  # this may run below make
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    (phony,) = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {line.split()[0] for line in listed.splitlines()} == set(phony.split())


def test_serve_without_the_command_line_s_libraries_is_named_with_options_that_it_has() -> None:
    for path in DOCUMENTS:
        for line in re.findall(r"ringfence-serve (--?[a-z].*?)(?:[`#]|$)", path.read_text(), re.MULTILINE):
            for option in re.findall(r"(?<!\S)(--[a-z-]+)", line):
                assert option in make_parser()._option_string_actions, (path, line)
