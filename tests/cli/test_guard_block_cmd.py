"""``ringfence guard block``."""

from pathlib import Path

from cli.conftest import PhoneThere
from support.command_line import CommandLine
from support.reporting_edge import ReportingEdge
from support.running_hub import RunningHub


def test_a_phone_is_shut_out_and_let_in_again(
    ringfence: CommandLine, hub: RunningHub, phone: PhoneThere, tmp_path: Path
) -> None:
    edge = ReportingEdge(hub, phone.site, tmp_path / "edge")
    ringfence("guard", "block", phone.mac)
    assert edge.rules().blocked == (phone.bare,)
    ringfence.refused(3, "guard", "open", phone.mac)
    ringfence("guard", "unban", phone.mac)
    assert edge.rules().blocked == ()
    ringfence.refused(4, "guard", "unban", phone.mac)
