"""``ringfence import csv``; what becomes of each cell is in tests/hub."""

from pathlib import Path

from support.command_line import CommandLine
from support.running_hub import RunningHub

FOLDER = Path(__file__).parents[2] / "examples" / "tftp-folder"


def test_a_table_is_taken_over_whole_or_not_at_all(
    ringfence: CommandLine, hub: RunningHub, new_mac: str, tmp_path: Path
) -> None:
    path = tmp_path / "phones.csv"
    path.write_text(f"mac,site,model,line,name\n{new_mac},Table two,9971,1,401\n")
    assert "--make-sites" in ringfence.run("import", "csv", str(path), "--dry-run").out
    assert ringfence.ask("import", "csv", str(path), "--dry-run", "--make-sites")["added"] == 1
    assert hub.ask("GET", f"/phones/{new_mac}").status == 404
    ringfence("import", "csv", str(path), "--make-sites")
    assert hub.do("GET", f"/phones/{new_mac}")["site"] == "table-two"
    path.write_text(f"mac,model\n{new_mac},8941\n00:1B:54:FF:00:09,no-model\n")
    ended = ringfence.run("import", "csv", str(path))
    assert (ended.status, "row 3" in ended.out) == (3, True)
    assert hub.do("GET", f"/phones/{new_mac}")["model"] == "9971"
    path.write_text("name,colour\n")
    ringfence.refused(3, "import", "csv", str(path))
    ringfence.refused(3, "import", "csv", str(tmp_path / "nothing.csv"))
