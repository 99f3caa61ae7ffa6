"""``ringfence import tftp`` of folders with text files and profiles: they come in, and publish at once."""

from pathlib import Path

import pytest

from support.command_line import CommandLine

REAL = Path(__file__).parents[2] / "examples" / "tftp-folder" / "kinds"


@pytest.mark.parametrize(
    ("kind", "macs"),
    [
        ("text-files", ["0A:1B:2C:00:01:01", "0A:1B:2C:00:01:02"]),
        ("spa-profile", ["0A:1B:2C:00:01:11"]),
        ("mpp-profile", ["0A:1B:2C:00:01:13"]),
        ("adapter-profile", ["0A:1B:2C:00:01:14"]),
    ],
)
def test_a_folder_comes_in_and_publishes_at_once(ringfence: CommandLine, site: str, kind: str, macs: list[str]) -> None:
    ringfence("import", "tftp", str(REAL / kind), "--site", site)
    try:
        assert {row["mac"] for row in ringfence.ask("phone", "list", "--site", site)} >= set(macs)
        ringfence("publish", site)
    finally:
        for mac in macs:
            ringfence("phone", "remove", mac, "--yes")
