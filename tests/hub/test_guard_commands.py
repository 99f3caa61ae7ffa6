"""The guard's commands, against a running hub."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from ringfence.cli.main import make_app
from support.reporting_edge import ReportingEdge
from support.running_hub import RunningHub

MAC = "00:1B:54:C2:B2:{:02X}"


def bare(number: int) -> str:
    return MAC.format(number).replace(":", "")


@pytest.fixture
def command(running: RunningHub, monkeypatch: pytest.MonkeyPatch) -> "Command":
    monkeypatch.setenv("RINGFENCE_HUB", running.people_url)
    monkeypatch.setenv("RINGFENCE_TOKEN", running.token.reveal())
    monkeypatch.setenv("RINGFENCE_CA", str(running.folder.authority_certificate))
    monkeypatch.setenv("COLUMNS", "400")
    return Command()


class Command:
    def __call__(self, *arguments: str) -> str:
        done = CliRunner().invoke(make_app("guard"), ["guard", *arguments])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.output


def test_the_commands_tell_the_whole_story(running: RunningHub, tmp_path: Path, command: Command) -> None:
    site = running.site("Commands")
    running.phone(site, MAC.format(20))
    edge = ReportingEdge(running, site, tmp_path / "edge")
    shown = command("policy", site, "--need", "secret=L1,configuration=L4", "--first-contact", "hold")
    assert "which can be forged" in shown
    assert "Nobody can reach L4 yet" in shown
    assert "waits for approval" in shown
    edge.asks("file-held-back", bare(20), "new-phone", sentence="Held back.", decision="")
    edge.asks("file-refused", bare(21), "unknown-phone")
    assert MAC.format(21) in command("waiting", "--site", site)
    assert "Held back." in command("log", "--site", site, "--refused")
    assert "approved at" in command("accept", MAC.format(20))
    assert "which has been removed" in command("accept", MAC.format(21), "--as", MAC.format(20))
    assert command("alerts", "--site", site).strip() == "No open alerts."
    assert "new-phone" in command("alerts", "--site", site, "--all")
    opened = command("open", MAC.format(21), "--for", "5m")
    assert "It does not protect against" in opened
    assert "closed" in command("close", MAC.format(21))
    assert "everywhere" in command("ban", "192.0.2.99", "--for", "2h", "--why", "noise")
    assert "192.0.2.99" in command("bans")
    assert "no longer shut out" in command("unban", "192.0.2.99")
    assert "blocked" in command("block", MAC.format(21))
    assert "no longer shut out" in command("unban", MAC.format(21))
    assert edge.hand.response.edge_id in command("accept-edge", edge.hand.response.edge_id)
    assert '"kind"' in command("alerts", "--all", "--json")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["policy", "x", "--need", "secret"], "secret=L3"),
        (["ban", "192.0.2.1", "--for", "soon", "--why", "x"], "10m"),
        (["log", "--phone", "nonsense"], "00:11:22:33:44:55"),
    ],
)
def test_an_argument_that_means_nothing_is_told_at_once(command: Command, arguments: list[str], says: str) -> None:
    with pytest.raises(Exception, match=says):
        command(*arguments)
