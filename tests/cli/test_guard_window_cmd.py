"""``ringfence guard open`` and ``close``."""

from pathlib import Path

from cli.conftest import PhoneThere
from support.command_line import CommandLine
from support.reporting_edge import ReportingEdge
from support.running_hub import RunningHub


def test_a_window_is_opened_and_closed(
    ringfence: CommandLine, hub: RunningHub, phone: PhoneThere, tmp_path: Path
) -> None:
    edge = ReportingEdge(hub, phone.site, tmp_path / "edge")
    window = ringfence.ask("guard", "open", phone.mac, "--for", "10m")
    assert (window["mac"], window["site"]) == (phone.mac, phone.site)
    assert len(edge.rules().windows) == 1
    ringfence("guard", "close", phone.mac)
    assert edge.rules().windows == ()
    assert phone.site in ringfence("guard", "open", phone.mac)
    ringfence.refused(3, "guard", "open", phone.mac, "--for", "soon")
    ringfence.refused(4, "guard", "open", "00:1B:54:FF:00:11")
    ringfence.refused(4, "guard", "close", "00:1B:54:FF:00:11")
