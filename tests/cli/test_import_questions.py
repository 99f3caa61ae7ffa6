"""``ringfence import tftp`` asks for models on a terminal; no answer, and no end of it, leaves half an import."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.command_line import CommandLine
from support.terminal import Terminal, on_terminal

KINDS = Path(__file__).parents[2] / "examples" / "tftp-folder" / "kinds"
TWO = ("SEP0A1B2C0F0001.cnf.xml", "SEP0A1B2C0F0002.cnf.xml")
UNKNOWN = "SEP0A1B2C0F0003.cnf.xml"
CTRL_C, CTRL_D = "\x03", "\x04"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two phones that are 7945 or 7965, and one that can be anything."""
    made = tmp_path / "old"
    made.mkdir()
    plain = (KINDS / "plain" / "SEP0A1B2C000001.cnf.xml").read_bytes()
    for name in TWO:
        (made / name).write_bytes(plain)
    (made / UNKNOWN).write_bytes((KINDS / "no-load" / "SEP0A1B2C00000D.cnf.xml").read_bytes())
    return made


@contextmanager
def asked(ringfence: CommandLine, folder: Path, site: str) -> Iterator[Terminal]:
    with on_terminal(ringfence, ["import", "tftp", str(folder), "--site", site]) as terminal:
        terminal.wait_for("2 phones are likely 7945, or else 7965")
        terminal.wait_for("one by one): ")
        yield terminal


def models(ringfence: CommandLine, site: str) -> dict[str, str]:
    rows: list[dict[str, Any]] = ringfence.ask("phone", "list", "--site", site)
    return {f"SEP{row['mac'].replace(':', '')}.cnf.xml": row["model"] for row in rows}


def remove_all(ringfence: CommandLine) -> None:
    for name in (*TWO, UNKNOWN):
        ringfence("phone", "remove", name[3:15], "--yes")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answers", "said"),
    [
        pytest.param([("7965", "1 phone is"), ("8841", "")], ("7965", "7965", "8841"), id="for all"),
        pytest.param(
            [("each", TWO[0]), ("7965", TWO[1]), ("", "1 phone is"), ("", "")], ("7965", "7945", "SEP"), id="one by one"
        ),
        pytest.param([("", "1 phone is"), ("", "")], ("7945", "7945", "SEP"), id="as guessed"),
        pytest.param(
            [
                ("7695", "there is no phone model called '7695'"),
                ("CP-7965", "1 phone is"),
                ("each", "'each'"),
                ("", ""),
            ],
            ("7965", "7965", "SEP"),
            id="wrong first",
        ),
    ],
)
def test_what_is_answered_is_what_the_phones_are(
    ringfence: CommandLine, site: str, folder: Path, answers: list[tuple[str, str]], said: tuple[str, ...]
) -> None:
    with asked(ringfence, folder, site) as terminal:
        for answer, shows in answers:
            terminal.type(f"{answer}\n")
            if shows:
                terminal.wait_for(shows)
                terminal.wait_for("): ")
        assert terminal.end() == 0, terminal.shown
        assert "3 phones added" in terminal.shown
    try:
        assert models(ringfence, site) == dict(zip((*TWO, UNKNOWN), said, strict=True))
    finally:
        remove_all(ringfence)


@pytest.mark.slow
@pytest.mark.parametrize("first", ["", "7965\n"], ids=["first question", "second question"])
@pytest.mark.parametrize("end", [CTRL_C, CTRL_D], ids=["Ctrl-C", "Ctrl-D"])
def test_an_end_in_place_of_an_answer_imports_nothing(
    ringfence: CommandLine, site: str, folder: Path, first: str, end: str
) -> None:
    with asked(ringfence, folder, site) as terminal:
        if first:
            terminal.type(first)
            terminal.wait_for("1 phone is")
            terminal.wait_for("): ")
        terminal.type(end)
        assert terminal.end() == 3, terminal.shown
        assert "ringfence: nothing was imported. With --no-ask" in terminal.shown
    assert models(ringfence, site) == {}


def test_nobody_is_asked_where_there_is_no_terminal(ringfence: CommandLine, site: str, folder: Path) -> None:
    told = ringfence.ask("import", "tftp", str(folder), "--site", site, "--dry-run")
    assert [row["model"] for row in told["entries"]] == ["7945", "7945", "SEP"]


@pytest.mark.slow
def test_no_ask_takes_the_guesses_on_a_terminal(ringfence: CommandLine, site: str, folder: Path) -> None:
    words = ["import", "tftp", str(folder), "--site", site, "--dry-run", "--no-ask"]
    with on_terminal(ringfence, words) as terminal:
        assert terminal.end() == 0
        assert "one by one" not in terminal.shown
