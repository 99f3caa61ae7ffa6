"""``ringfence export``."""

import csv
import io
from pathlib import Path

from cli.conftest import PhoneThere
from support.command_line import CommandLine


def test_a_table_has_a_row_for_each_line_and_reads_back(
    ringfence: CommandLine, phone: PhoneThere, tmp_path: Path
) -> None:
    ringfence("line", "set", phone.mac, "2", "--name", "202", "--label", "Ben")
    rows = list(csv.DictReader(io.StringIO(ringfence("export", "csv", "--site", phone.site))))
    assert [(row["mac"], row["line"], row["name"], row["password"]) for row in rows] == [
        (phone.mac, "1", "201", ""), (phone.mac, "2", "202", ""),
    ]  # fmt: skip
    target = tmp_path / "phones.csv"
    ringfence("export", "csv", str(target), "--site", phone.site)
    done = ringfence.ask("import", "csv", str(target))
    assert (done["added"], done["refusals"]) == (0, [])


def test_no_file_is_replaced(ringfence: CommandLine, phone: PhoneThere, tmp_path: Path) -> None:
    (tmp_path / "there.csv").write_text("mine")
    ringfence.refused(5, "export", "csv", str(tmp_path / "there.csv"), "--site", phone.site)
    assert (tmp_path / "there.csv").read_text() == "mine"
    ringfence.refused(7, "export", "csv", str(tmp_path / "no" / "x.csv"))
    ringfence.refused(4, "export", "csv", "--site", "nowhere")
