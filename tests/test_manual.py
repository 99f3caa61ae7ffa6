"""The manual pages and completions that packages carry are made from the commands' own help (scripts/manual.py)."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringfence.cli.main import COMMANDS, GROUPS
from support.command_line import command_tree, every_command

ROOT = Path(__file__).parents[1]
DATE = 1_700_000_000  # 14 November 2023


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("manual")
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(DATE)}
    subprocess.run([sys.executable, ROOT / "scripts/manual.py", folder], env=environment, check=True, timeout=300)
    yield folder
    shutil.rmtree(folder)


def page(made: Path, name: str) -> str:
    return (made / "docs/man" / f"{name}.1").read_text().replace("\\-", "-").replace("\\e", "\\")


def test_every_group_and_command_has_its_page(made: Path) -> None:
    names = {path.stem for path in [*(made / "docs/man").iterdir(), *(ROOT / "docs/man").iterdir()]}
    assert names == {"ringfence", *(f"ringfence-{name}" for name in (*GROUPS, *COMMANDS))}


def test_a_page_names_every_command_of_its_group_and_every_option(made: Path) -> None:
    for words, command in every_command(command_tree()):
        if words[0] == "serve" or command.hidden:
            continue  # the page of `serve` is written by people (server/test_packaging.py)
        text = page(made, f"ringfence-{words[0]}")
        assert f".B ringfence {' '.join(words)}\n" in text, words
        for each in command.params:
            for option in (*each.opts, *each.secondary_opts) if each.param_type_name == "option" else ():
                assert option in text or option in {"--help", "-h"} or getattr(each, "hidden", False), (words, option)


def test_a_page_shows_the_day_that_its_sources_are_from(made: Path) -> None:
    assert page(made, "ringfence-hub").startswith(".TH RINGFENCE-HUB 1 2023-11-14 ")


@pytest.mark.needs("groff")
def test_groff_finds_fault_with_no_page(made: Path) -> None:
    pages = sorted((made / "docs/man").iterdir())
    shown = subprocess.run(
        ["groff", "-K", "utf8", "-man", "-ww", "-Tutf8", "-P-cbou", *pages], capture_output=True, text=True, check=False
    )
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "ringfence hub init /var/lib/ringfence/hub --address hub.example.org" in shown.stdout


def test_bash_completes_commands_by_what_is_installed(made: Path) -> None:
    script = made / "packaging/completions/bash/ringfence"
    asked = f"""
        source {script}
        COMP_WORDS=(ringfence hub in) COMP_CWORD=2
        _ringfence_completion ringfence
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    said = subprocess.run(["bash", "-c", asked], env=environment, capture_output=True, text=True, check=True).stdout
    assert said.split() == ["init"]


def test_each_shell_has_a_completion_where_it_looks_for_it(made: Path) -> None:
    texts = {path.name: path.read_text() for path in (made / "packaging/completions").glob("*/*")}
    assert set(texts) == {"ringfence", "_ringfence", "ringfence.fish"}
    assert texts["_ringfence"].startswith("#compdef ringfence\n")
    assert str(ROOT) not in "".join(texts.values())
