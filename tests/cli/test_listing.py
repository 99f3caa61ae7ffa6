"""Lists: choosing and sorting rows, the pager, and what shells complete."""

import os
import subprocess
import sys

import pytest

from cli.conftest import PhoneThere
from ringfence.cli.support.arguments import complete_phone, complete_site
from ringfence.cli.support.errors import BadArgument
from ringfence.cli.support.listing import Choice
from ringfence.cli.support.output import Row, field
from support.command_line import CommandLine
from support.running_hub import RunningHub
from support.terminal import on_terminal

COLUMNS = [("SITE", field("site")), ("BYTES", lambda row: f"{row['size']:,}"), ("LAST SEEN", field("seen"))]
ROWS: list[Row] = [
    {"site": "berlin", "size": 900, "seen": None},
    {"site": "Bern", "size": 12_000, "seen": "2026-01-02"},
    {"site": "köln", "size": 1_000, "seen": "2026-01-01"},
]


def sites(choice: Choice) -> list[str]:
    return [row["site"] for row in choice.of(ROWS, COLUMNS)]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (["SITE=bern"], ["Bern"]),
        (["site~er"], ["berlin", "Bern"]),
        (["Site!=BERLIN", "last_seen~2026"], ["Bern", "köln"]),
        (["last seen="], ["berlin"]),
        (["site=KÖLN"], ["köln"]),
        (["site~="], []),
    ],
)
def test_filters_go_by_headings_and_must_all_fit(filters: list[str], found: list[str]) -> None:
    assert sites(Choice(filters)) == found


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("site", ["berlin", "Bern", "köln"]),
        ("-site", ["köln", "Bern", "berlin"]),
        ("bytes", ["berlin", "köln", "Bern"]),
        ("last-seen", ["köln", "Bern", "berlin"]),
    ],
)
def test_rows_are_sorted_as_numbers_or_as_words_and_what_is_missing_comes_last(sort: str, order: list[str]) -> None:
    assert sites(Choice(sort=sort)) == order
    assert sites(Choice(sort=sort, limit=2)) == order[:2]


@pytest.mark.parametrize("choice", [Choice(["colour=red"]), Choice(["site"]), Choice(sort="colour")])
def test_what_names_no_heading_is_refused_with_those_that_there_are(choice: Choice) -> None:
    with pytest.raises(BadArgument) as refused:
        choice.of(ROWS, COLUMNS)
    assert "last-seen" in str(refused.value) or "SITE=berlin" in str(refused.value)


def test_a_list_is_read_no_further_than_it_is_wanted() -> None:
    read: list[Row] = []

    def rows() -> Row:  # type: ignore[misc]  # a generator of rows
        for row in ROWS:
            read.append(row)
            yield row

    assert Choice(["site=berlin"], limit=1).of(rows(), COLUMNS) == ROWS[:1]  # type: ignore[arg-type]
    assert len(read) == 1


def test_commands_filter_sort_and_limit(ringfence: CommandLine, hub: RunningHub) -> None:
    for name in ("Filter B", "Filter A", "Filter C"):
        hub.site(name)
    found = ringfence.ask("site", "list", "--filter", "name~filter", "--sort=-name", "--limit", "2")
    assert [row["name"] for row in found] == ["Filter C", "Filter B"]
    assert "Nothing fits." in ringfence("site", "list", "--filter", "site=nowhere-at-all")
    assert "There are: site, name" in ringfence.refused(3, "site", "list", "--filter", "colour=red")
    assert "FIELD=TEXT" in ringfence("report", "list", "--help")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pager", "lines", "is_paged"),
    [("sed s/^/PAGED:/", 3, True), ("sed s/^/PAGED:/", 400, False), ("", 3, False), ("/no/such/pager", 3, False)],
)
def test_what_is_longer_than_the_terminal_goes_to_the_pager(
    ringfence: CommandLine, pager: str, lines: int, is_paged: bool
) -> None:
    with_pager = CommandLine({**ringfence.variables, "PAGER": pager})
    with on_terminal(with_pager, ["phone", "models"], columns=100, lines=lines) as terminal:
        assert terminal.end() == 0
        assert "9971" in terminal.shown
        assert ("PAGED:" in terminal.shown) is is_paged


def test_sites_and_phones_are_completed_from_the_hub(
    ringfence: CommandLine, phone: PhoneThere, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ringfence.variables.items():
        monkeypatch.setenv(name, value)
    assert phone.site in dict(complete_site(phone.site[:-1]))
    bare = phone.mac.replace(":", "")
    assert phone.mac in dict(complete_phone(phone.mac[:8]))
    assert bare.lower() in dict(complete_phone(bare[:8].lower()))
    assert bare.upper() in dict(complete_phone(bare[:8].upper()))
    assert complete_phone("FFFFFF") == []


def test_without_a_hub_a_shell_completes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGFENCE_HUB", "https://127.0.0.1:9")
    monkeypatch.setenv("RINGFENCE_TOKEN", "rft_none")
    assert complete_site("a") == []


@pytest.mark.slow
def test_a_shell_is_told_of_commands_and_of_sites(ringfence: CommandLine, site: str) -> None:
    def completed(words: str) -> str:
        asked = {"_RINGFENCE_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": words}
        done = subprocess.run(
            [sys.executable, "-c", "import sys; sys.argv = ['ringfence']; from ringfence.cli.main import main; main()"],
            env={**os.environ, **ringfence.variables, **asked},
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        return done.stdout

    assert "list" in completed("ringfence site li")
    assert site in completed(f"ringfence site show {site[:-1]}")
    assert site in completed(f"ringfence phone list --site {site[:-1]}")
