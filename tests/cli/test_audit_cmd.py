"""``ringfence audit``."""

import csv
import json
from pathlib import Path

import pytest

from support.command_line import CommandLine

MAC = "00:1B:54:C2:AD:01"


@pytest.fixture
def edited(ringfence: CommandLine) -> CommandLine:
    """A hub with a phone that was described twice at least, the last time like a formula."""
    if ringfence.run("site", "add", "Audited").status == 0:
        ringfence("phone", "add", MAC, "--site", "audited", "--model", "9971")
    ringfence("phone", "change", MAC, "--description", "desk")
    ringfence("phone", "change", MAC, "--description", "=cmd|'/c calc'!A1")
    return ringfence


def test_the_audit_log_says_who_did_what_and_what_was_before_and_after(edited: CommandLine) -> None:
    (newest,) = edited.ask("audit", "list", "--object", MAC, "--limit", "1")
    assert newest["action"] == "phone.describe"
    assert newest["rows"][0]["before"] == {"description": "desk"}
    assert newest["rows"][0]["after"] == {"description": "=cmd|'/c calc'!A1"}
    shown = edited("audit", "list", "--object", MAC)
    assert "phone 001B54C2AD01 description: desk → =cmd|'/c calc'!A1" in shown
    assert "phone 001B54C2AD01 added" in shown
    assert edited("access", "audit", "--limit", "1") == edited("audit", "list", "--limit", "1")
    assert edited.run("audit", "list", "--limit", "-1").status == 2


def test_it_is_searched_by_who_what_when_and_from_where(edited: CommandLine) -> None:
    def found(*options: str) -> list[str]:
        return [row["action"] for row in edited.ask("audit", "list", "--object", MAC, *options)]

    everything = found()
    (newest,) = edited.ask("audit", "list", "--limit", "1")
    assert found("--action", "phone.add") == ["phone.add"]
    assert found("--action", "phone.") == found("--who", newest["who"]) == found("--who", newest["token"]) == everything
    assert found("--address", newest["address"]) == found("--since", "2020-01-31") == everything
    assert found("--address", "192.0.2.1") == found("--until", "2020-01-31 10:00") == []
    assert "no such entry" in edited("audit", "list", "--who", "nobody")


def test_it_is_sorted_by_time_alone_and_the_hub_sorts_it(edited: CommandLine, tmp_path: Path) -> None:
    newest = edited.ask("audit", "list", "--object", MAC)
    assert edited.ask("audit", "list", "--object", MAC, "--sort", "-When") == newest
    oldest = edited.ask("audit", "list", "--object", MAC, "--sort", "when")
    assert oldest == newest[::-1]
    assert edited.ask("audit", "list", "--object", MAC, "--sort", "when", "--limit", "1") == oldest[:1]
    edited("audit", "export", str(tmp_path / "oldest.jsonl"), "--object", MAC, "--sort", "when")
    assert [json.loads(line) for line in (tmp_path / "oldest.jsonl").read_text().splitlines()] == oldest
    for words in (["list"], ["export", str(tmp_path / "refused")]):
        assert "not sorted by 'who'" in edited.refused(3, "audit", *words, "--sort", "who")
    assert not (tmp_path / "refused").exists()


def test_it_is_exported_with_the_same_filters_and_runs_nothing_in_a_spreadsheet(
    edited: CommandLine, tmp_path: Path
) -> None:
    table, lines = tmp_path / "audit.csv", tmp_path / "audit.jsonl"
    edited("audit", "export", str(table), "--csv", "--object", MAC)
    edited("audit", "export", str(lines), "--object", MAC)
    rows = list(csv.DictReader(table.read_text().splitlines()))
    entries = [json.loads(line) for line in lines.read_text().splitlines()]
    assert [row["action"] for row in rows] == [entry["action"] for entry in entries]
    assert entries == edited.ask("audit", "list", "--object", MAC)
    assert rows[0]["detail"] == "'=cmd|'/c calc'!A1"
    assert edited("audit", "export", "-", "--object", MAC) == lines.read_text()
    refused = edited.run("audit", "export", str(table))
    assert (refused.status, "this file exists" in refused.err) == (5, True)


def test_it_is_checked_to_be_whole_and_against_a_head_that_was_written_down(edited: CommandLine) -> None:
    found = json.loads(edited("audit", "verify", "--json"))
    assert (found["is_whole"], found["entries"]) == (True, int(found["head"].partition(":")[0]))
    edited("phone", "change", MAC, "--description", "later")
    assert "of the audit log fit. Head: " in edited("audit", "verify", "--head", found["head"])
    cut = edited.run("audit", "verify", "--head", "999999:" + "0" * 64)
    assert (cut.status, "entry 999999 of the audit log" in cut.err) == (8, True)
    assert "cut from the end" in cut.err
    assert edited.run("audit", "verify", "--head", "yesterday").status == 3
