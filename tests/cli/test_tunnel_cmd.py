"""``ringfence tunnel enrol`` and ``run``: what is refused at once. At work: edge/concentrator/."""

from pathlib import Path

import pytest

from support.command_line import CommandLine


@pytest.mark.needs("root")
def test_an_edges_token_makes_no_concentrator(ringfence: CommandLine, tmp_path: Path) -> None:
    folder = str(tmp_path / "concentrator")
    assert "RFT1" in ringfence.refused(3, "tunnel", "enrol", "RFE1nonsense", "--folder", folder)


@pytest.mark.parametrize(
    "more", [("--endpoint", "nowhere"), ("--endpoint", "192.0.2.1:1", "--pbx-port", "eth 1"),
             ("--endpoint", "192.0.2.1:1", "--interface", "a/b")],
)  # fmt: skip
def test_what_can_be_no_concentrator_is_refused(ringfence: CommandLine, tmp_path: Path, more: tuple[str, ...]) -> None:
    ringfence.refused(3, "tunnel", "run", "--folder", str(tmp_path), *more)
