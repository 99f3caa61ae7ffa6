"""The report of ``ringfence import tftp`` for the whole example folder, as people and as scripts read it.

The goldens are written anew with ``UPDATE_GOLDENS=1``, and read by people before they are kept.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.command_line import CommandLine
from support.running_hub import RunningHub
from support.serving_hub import served_hub
from support.terminal import on_terminal

FOLDER = Path(__file__).parents[2] / "examples" / "tftp-folder"
GOLDENS = Path(__file__).parent / "goldens"
WORDS = ("import", "tftp", str(FOLDER), "--site", "Office", "--dry-run")
COLUMNS = 80


@pytest.fixture(scope="module")
def own_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """A hub with nothing in it but one setting of the organisation."""
    with served_hub(tmp_path_factory.mktemp("hub") / "data") as hub:
        hub.do("PUT", "/settings/organisation/information_url", {"value": "http://192.0.2.9/information"})
        yield hub


@pytest.fixture
def command(own_hub: RunningHub, tmp_path: Path) -> CommandLine:
    return CommandLine(
        {
            "RINGFENCE_HUB": own_hub.people_url,
            "RINGFENCE_TOKEN": own_hub.token.reveal(),
            "RINGFENCE_CA": str(own_hub.folder.authority_certificate),
            "XDG_CONFIG_HOME": str(tmp_path),
        }
    )


def require_golden(name: str, text: str) -> None:
    path = GOLDENS / name
    if os.environ.get("UPDATE_GOLDENS") == "1":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.slow
def test_people_read_it_on_a_terminal_of_80_columns(command: CommandLine) -> None:
    with on_terminal(command, [*WORDS, "--no-ask"], COLUMNS) as terminal:
        assert terminal.end() == 0, terminal.shown
        shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.shown)
    text = shown[re.search(r"\d+ files of phones", shown).start() :]  # type: ignore[union-attr]  # what comes before is progress
    assert [line for line in text.splitlines() if len(line) > COLUMNS and " " in line.strip()] == []
    require_golden("import-tftp.txt", text)


@pytest.mark.slow
def test_scripts_read_the_same(command: CommandLine) -> None:
    told = command.ask(*WORDS)
    flat = " ".join((GOLDENS / "import-tftp.txt").read_text(encoding="utf-8").split())
    for row in (*told["entries"], *told["site_files"]):
        assert row["path"] in flat
        for remark in row.get("remarks", []):
            assert remark["fate"] == "kept as a patch" or " ".join(remark["text"].split()) in flat
    for each in told["inherited"]:
        assert f"{each['name']}={each['value']} from the {each['scope']}" in flat


def test_scripts_read_it_as_json(command: CommandLine) -> None:
    told = command("import", "tftp", str(FOLDER / "kinds" / "default-file"), "--site", "Office", "--dry-run", "--json")
    require_golden("import-tftp.json", told)
