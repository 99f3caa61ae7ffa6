"""What commands print: a word, which may be an identifier, is never broken, and nothing moves a terminal."""

import contextlib
import json
import os
import pty
from collections.abc import Callable, Iterator

import pytest

from ringfence.cli.support.output import field, say, show_diff, show_json, show_table, show_text, when
from ringfence.counted import counted

COLUMNS = [("EDGE", field("edge")), ("SITE", field("site")), ("IN WORDS", field("words"))]
ROW = {"edge": "edge-948dc44578e8", "site": "home-office-anna", "words": "one two three four five six seven eight"}


_END = "this is the end"


@contextlib.contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> Iterator[Callable[[], list[str]]]:
    """Standard output is a terminal of this width; what it was told is returned by lines."""
    monkeypatch.setenv("COLUMNS", str(columns))
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as output, monkeypatch.context() as patch:
        patch.setattr("sys.stdout", output)

        def shown() -> list[str]:
            output.write(f"{_END}\n")
            output.flush()
            told = b""
            while _END not in told.decode():  # a terminal hands over what it has, not what was written
                told += os.read(ours, 1 << 16)
            return told.decode().splitlines()[:-1]

        yield shown
    os.close(ours)


def test_in_a_pipe_a_row_is_one_line_however_long(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    show_table([ROW, {**ROW, "words": "a\nb"}], COLUMNS, empty="")
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) == 3
    assert shown[1] == f"{ROW['edge']}  {ROW['site']}  {ROW['words']}"
    assert shown[2].endswith("a\\nb")


@pytest.mark.parametrize("width", [60, 80])
def test_on_a_terminal_a_long_text_goes_under_its_row_and_nothing_is_broken(
    monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    rows = [{**ROW, "words": "word " * 30, "mac": "00:1B:54:C2:9A:10"} for _ in range(2)]
    with terminal(monkeypatch, width) as shown:
        show_table(rows, [*COLUMNS, ("MAC", field("mac"))], empty="")
        lines = shown()
    assert max(len(line.replace("\x1b[1m", "").replace("\x1b[0m", "")) for line in lines) <= width
    assert lines[1].split() == [ROW["edge"], ROW["site"], "00:1B:54:C2:9A:10"]
    assert lines[2].startswith("    word word")


def test_on_a_narrow_terminal_each_row_becomes_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch, 20) as told:
        show_table([ROW, {**ROW, "words": ""}], COLUMNS, empty="")
        shown = told()
    assert shown[0].split() == ["EDGE", ROW["edge"]]
    assert shown[3:] == ["", "EDGE      edge-948dc44578e8", "SITE      home-office-anna"]


HOSTILE = "a\x1b]0;owned\x07\u202egnp.exe\x9b31m\ud800"


def test_nothing_that_a_terminal_obeys_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    say(HOSTILE)
    show_table([{"edge": HOSTILE}], COLUMNS, empty="")
    show_diff(f"+{HOSTILE}")
    show_json({"edge": HOSTILE})
    shown = capsys.readouterr().out
    assert not [letter for letter in shown if letter != "\n" and not letter.isprintable()]
    assert "\\x1b]0;owned\\x07\\u202egnp.exe\\x9b31m" in shown
    assert json.loads(shown[shown.index("{") :])["edge"] == HOSTILE


def test_a_file_is_printed_exactly_in_a_pipe_and_cleaned_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    show_text("a\x1b[1m\n")
    assert capsys.readouterr().out == "a\x1b[1m\n"
    with terminal(monkeypatch, 80) as shown:
        show_text("a\x1b[1m\n")
        assert shown() == ["a\\x1b[1m"]


@pytest.mark.parametrize("at", [1e308, -1e308, float("nan"), float("inf"), "no date", "2026-13-01"])
def test_a_time_that_is_none_is_shown_as_it_is(at: object) -> None:
    assert when(at).startswith("no date (")


def test_counts_have_their_plural() -> None:
    assert [counted(1, "site"), counted(0, "site"), counted(1200, "file")] == ["1 site", "0 sites", "1,200 files"]
    assert [counted(1, "entry", "entries"), counted(2, "entry", "entries")] == ["1 entry", "2 entries"]
