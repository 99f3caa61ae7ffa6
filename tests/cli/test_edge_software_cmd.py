"""``ringfence edge software``: two slots on this machine."""

from pathlib import Path

import pytest

from support.command_line import CommandLine
from support.software_archives import SoftwareMaker


@pytest.fixture
def maker(tmp_path: Path) -> SoftwareMaker:
    return SoftwareMaker.new(tmp_path / "made")


def test_software_is_installed_and_updated_in_slots(
    stranger: CommandLine, maker: SoftwareMaker, tmp_path: Path
) -> None:
    slots, key = str(tmp_path / "slots"), tmp_path / "key.pub"
    key.write_text(maker.key.public_pem)
    assert "no software of an edge" in stranger.refused(3, "edge", "software", "status", slots)
    first = str(maker.archive("0.1.0"))
    assert stranger.ask("edge", "software", "install", slots, first, "--key", str(key))["version"] == "0.1.0"
    assert "installed here already" in stranger.refused(
        5, "edge", "software", "install", slots, first, "--key", str(key)
    )
    assert "--older" in stranger.refused(8, "edge", "software", "update", slots, first)
    second = str(maker.archive("0.2.0"))
    assert stranger.ask("edge", "software", "update", slots, second, "--within", "30")["version"] == "0.2.0"
    assert "being tried" in stranger.refused(5, "edge", "software", "update", slots, second)
    said = stranger("edge", "software", "status", slots)
    assert "Slot a   0.1.0, in use" in said
    assert "Tried    0.2.0" in said
    assert stranger.ask("edge", "software", "status", slots)["versions"] == {"a": "0.1.0", "b": "0.2.0"}
