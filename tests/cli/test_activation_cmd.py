"""``ringfence activation``."""

import csv
from pathlib import Path

from ringfence.hub.fleet.guard import alerts
from support.command_line import CommandLine
from support.running_hub import RunningHub


def test_a_phone_is_prepared_shown_and_adopted_by_its_code(
    ringfence: CommandLine, hub: RunningHub, site: str, new_mac: str
) -> None:
    what = ["--site", site, "--model", "9971", "--description", "By the door", "--line", "201=Anna", "--line", "202"]
    made = ringfence.ask("activation", "create", *what)
    assert made["id"] in ringfence("activation", "list", "--site", site)
    shown = ringfence("activation", "show", made["id"])
    assert "201 “Anna”" in shown
    assert made["code"] not in shown
    bare = new_mac.replace(":", "")
    with hub.hub.change("test") as change:
        alerts.raise_alert(change, site, alerts.UNKNOWN_PHONE, bare, "It asked.", model="9971")
    said = ringfence("activation", "use", bare[-6:], "--site", site, stdin=f"{made['code']}\n")
    assert f"Phone {new_mac} (9971) adopted at {site}." in said
    assert [line["name"] for line in ringfence.ask("line", "list", new_mac)] == ["201", "202"]
    (row,) = [each for each in ringfence.ask("activation", "list", "--all") if each["id"] == made["id"]]
    assert (row["state"], row["mac"]) == ("used", new_mac)
    assert "was used" in ringfence.refused(3, "activation", "use", bare, stdin=f"{made['code']}\n")
    assert "no activation code" in ringfence.refused(4, "activation", "show", "activation-0")


def test_prepared_phones_are_exported_as_on_their_page_and_run_nothing_in_a_spreadsheet(
    ringfence: CommandLine, hub: RunningHub, site: str, tmp_path: Path
) -> None:
    more = ["--site", site, "--model", "9971"]
    made = ringfence.ask("activation", "create", *more, "--line", "201=Anna", "--line", "202", "--description", "=1+1")
    ringfence("activation", "create", "--description", "any, “quoted”")
    ringfence("activation", "revoke", "--yes", made["id"])
    file = tmp_path / "prepared.csv"
    assert ringfence("activation", "export", str(file), "--all") == f"{file} written.\n"
    rows = list(csv.DictReader(file.read_text().splitlines()))
    assert [row["activation"] for row in rows] == [row["id"] for row in ringfence.ask("activation", "list", "--all")]
    (row,) = [row for row in rows if row["activation"] == made["id"]]
    assert (row["state"], row["site"], row["model"], row["description"]) == ("revoked", site, "9971", "'=1+1")
    assert made["code"] not in file.read_text()
    assert "any, “quoted”" in [row["description"] for row in rows]
    assert file.read_text() == hub.raw("GET", "/activations/-/csv?all=yes").data.decode()
    still_good = ringfence("activation", "export")
    assert made["id"] not in still_good
    assert still_good == hub.raw("GET", "/activations/-/csv").data.decode()
    assert len(ringfence("activation", "export", "--site", site).splitlines()) <= len(still_good.splitlines())
    assert hub.raw("GET", "/activations/-/csv?sort=sideways").status == 422
    ringfence.refused(5, "activation", "export", str(file))
    ringfence.refused(4, "activation", "export", "--site", "nowhere")


def test_a_code_is_printed_once_and_revoked(ringfence: CommandLine) -> None:
    said = ringfence("activation", "create")
    (row, *_older) = ringfence.ask("activation", "list")
    (code,) = [line.strip() for line in said.splitlines() if line.startswith("  ")]
    assert code.endswith(row["ending"])
    ringfence("activation", "revoke", "--yes", row["id"])
    assert "was revoked" in ringfence.refused(3, "activation", "use", "9A10", stdin=f"{code}\n")
    assert "mistyped" in ringfence.refused(
        3, "activation", "use", "9A10", stdin=f"{code[:-1]}{'2' if code[-1] != '2' else '3'}\n"
    )
