"""``ringfence import tftp``; what becomes of each kind of file is in tests/real_world."""

from pathlib import Path

import pytest

from support.command_line import CommandLine

FOLDER = Path(__file__).parents[2] / "examples" / "tftp-folder"
KINDS = Path(__file__).parents[1] / "real_world" / "files"


@pytest.mark.slow
def test_a_tftp_folder_is_taken_over(ringfence: CommandLine, tmp_path: Path) -> None:
    told = ringfence.ask("import", "tftp", str(FOLDER), "--site", "Taken over", "--dry-run")
    imported = [row for row in told["entries"] if row["outcome"] != "left out"]
    assert len(imported) == 40
    assert told["kept"] is False
    said = ringfence("import", "tftp", str(FOLDER), "--site", "Taken over", "--dry-run")
    assert all(row["path"] in said for row in told["entries"])
    assert "SEP001B54E0FF01.cnf.xml: left out: it is for a phone that speaks SCCP, not SIP." in said
    ringfence.refused(3, "import", "tftp", str(tmp_path))
    ringfence.refused(3, "import", "tftp", str(tmp_path / "nothing"))
    ringfence.refused(4, "import", "tftp", str(FOLDER), "--model", "9999")


@pytest.mark.slow
def test_every_kind_of_file_is_published_after_its_import(ringfence: CommandLine) -> None:
    told = ringfence.ask("import", "tftp", str(KINDS), "--site", "Kinds", "--no-ask")
    outcomes = {row["path"]: row["outcome"] for row in told["entries"]}
    assert told["kept"] is True
    assert {"imported", "imported with remarks", "left out"} == set(outcomes.values())
    again = ringfence.ask("import", "tftp", str(KINDS), "--site", "Kinds")
    assert (again["added"], again["changed"]) == (0, 0)
    done = ringfence.ask("publish", "kinds")
    assert done["left_out"] == []
    assert {phone["what"].rpartition("should run ")[2].partition(",")[0] for phone in done["asked_for"]} >= {
        "SIP45.9-4-2SR3-1S",
        "SIP75.9-3-1SR4-1S",
    }
    (site,) = done["sites"]
    published = sum(file["name"].startswith("SEP") for file in site["files"])
    imported = [path for path, outcome in outcomes.items() if outcome != "left out"]
    assert published == sum(path.rpartition("/")[2].upper().startswith("SEP") for path in imported)


@pytest.mark.slow
def test_an_import_into_a_site_with_phones_changes_none_of_them(ringfence: CommandLine, tmp_path: Path) -> None:
    first, second = (sorted(FOLDER.glob("SEP001B54E000?[0-7].cnf.xml"))[at] for at in (0, 1))
    for path in (first, second):
        folder = tmp_path / path.stem
        folder.mkdir()
        (folder / path.name).write_bytes(path.read_bytes())
    ringfence("import", "tftp", str(tmp_path / first.stem), "--site", "Shared", "--no-ask")
    ringfence("publish", "shared")
    ringfence("import", "tftp", str(tmp_path / second.stem), "--site", "Shared", "--no-ask")
    (site,) = ringfence.ask("publish", "shared")["sites"]
    assert [file["change"] for file in site["files"] if first.name[3:15] in file["name"]] == []
