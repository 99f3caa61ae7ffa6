"""``ringfence gateway``."""

from pathlib import Path

import pytest

from cli.conftest import PhoneThere
from stack import free_port, wait_for
from support.command_line import CommandLine
from support.running_hub import RunningHub


@pytest.fixture
def enrolled(ringfence: CommandLine, phone: PhoneThere, hub: RunningHub, tmp_path: Path) -> str:
    """The folder of a gateway of the phone's site."""
    ringfence("guard", "policy", phone.site, "--gateway", "windows")
    ringfence("gateway", "enrol", "-", "--folder", str(tmp_path / "gate"), stdin=hub.token_for(phone.site).to_text())
    return str(tmp_path / "gate")


def test_a_gateway_says_which_sites_it_serves(ringfence: CommandLine, phone: PhoneThere, enrolled: str) -> None:
    (row,) = ringfence.ask("gateway", "status", "--folder", enrolled)
    assert (row["site"], row["running"]) == (phone.site, False)
    assert phone.site in ringfence("gateway", "status", "--folder", enrolled)


def test_what_enrols_no_gateway_is_refused(ringfence: CommandLine, tmp_path: Path) -> None:
    folder = str(tmp_path / "gate")
    assert ringfence.ask("gateway", "status", "--folder", folder) == []
    ringfence.refused(3, "gateway", "enrol", "hello", "--folder", folder)
    ringfence.refused(3, "gateway", "run", "--folder", folder, "--listen", "nowhere:x")


@pytest.mark.slow
def test_a_gateway_runs_until_it_is_stopped(ringfence: CommandLine, enrolled: str) -> None:
    where = ["--folder", enrolled, "--listen", f"127.0.0.1:{free_port()}", "--no-firewall"]
    with ringfence.started("gateway", "run", *where):
        wait_for("it", lambda: ringfence.ask("gateway", "status", "--folder", enrolled)[0]["running"])
