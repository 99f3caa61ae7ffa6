"""Tables on standard output: a word, which may be an identifier, is never broken."""

import os
import pty

import pytest

from ringfence.cli.support.output import field, show_table
from ringfence.counted import counted

COLUMNS = [("EDGE", field("edge")), ("SITE", field("site")), ("IN WORDS", field("words"))]
ROW = {"edge": "edge-948dc44578e8", "site": "home-office-anna", "words": "one two three four five six seven eight"}


def test_only_text_is_folded(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    show_table([ROW], COLUMNS, empty="")
    shown = capsys.readouterr().out.splitlines()
    assert shown[1].split()[:2] == [ROW["edge"], ROW["site"]]
    assert len(shown) == 3
    assert max(map(len, shown)) <= 60


def test_a_table_that_is_too_wide_for_its_words_takes_the_room(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    show_table([ROW], COLUMNS, empty="")
    assert f"{ROW['edge']}  {ROW['site']}" in capsys.readouterr().out


def test_on_a_narrow_terminal_each_row_becomes_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    ours, terminal = pty.openpty()
    with os.fdopen(terminal, "w") as output:
        monkeypatch.setattr("sys.stdout", output)
        show_table([ROW, {**ROW, "words": ""}], COLUMNS, empty="")
    try:
        shown = os.read(ours, 4096).decode().splitlines()
    finally:
        os.close(ours)
    assert shown[0].split() == ["EDGE", ROW["edge"]]
    assert shown[3:] == ["", "EDGE      edge-948dc44578e8", "SITE      home-office-anna"]


def test_counts_have_their_plural() -> None:
    assert [counted(1, "site"), counted(0, "site"), counted(1200, "file")] == ["1 site", "0 sites", "1,200 files"]
    assert [counted(1, "entry", "entries"), counted(2, "entry", "entries")] == ["1 entry", "2 entries"]
