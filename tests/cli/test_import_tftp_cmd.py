"""``ringfence import tftp``; what becomes of each file is in tests/hub."""

from pathlib import Path

import pytest

from support.command_line import CommandLine

FOLDER = Path(__file__).parents[2] / "examples" / "tftp-folder"


@pytest.mark.slow
def test_a_tftp_folder_is_taken_over(ringfence: CommandLine, tmp_path: Path) -> None:
    told = ringfence.ask("import", "tftp", str(FOLDER), "--site", "Taken over", "--dry-run")
    assert told["phones"]
    assert told["kept"] is False
    said = ringfence("import", "tftp", str(FOLDER), "--site", "Taken over", "--dry-run")
    assert all(row["mac"] in said for row in told["phones"])
    ringfence.refused(3, "import", "tftp", str(tmp_path))
    ringfence.refused(3, "import", "tftp", str(tmp_path / "nothing"))
