"""``ringfence guard accept-edge``."""

from pathlib import Path

from support.command_line import CommandLine
from support.reporting_edge import ReportingEdge
from support.running_hub import RunningHub


def test_an_edge_may_stand_where_it_is(ringfence: CommandLine, hub: RunningHub, site: str, tmp_path: Path) -> None:
    edge = ReportingEdge(hub, site, tmp_path / "edge").hand.response.edge_id
    assert "networks" in ringfence.ask("guard", "accept-edge", edge)
    assert edge in ringfence("guard", "accept-edge", edge)
    ringfence.refused(4, "guard", "accept-edge", "nobodys")
