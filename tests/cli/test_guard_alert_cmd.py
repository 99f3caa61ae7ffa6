"""``ringfence guard alerts``."""

from pathlib import Path

from support.command_line import CommandLine
from support.reporting_edge import ReportingEdge
from support.running_hub import RunningHub


def test_alerts_are_listed_and_closed(ringfence: CommandLine, hub: RunningHub, site: str, tmp_path: Path) -> None:
    ReportingEdge(hub, site, tmp_path / "edge").asks("file-refused", "001B54FF0010", "unknown-phone")
    (alert,) = ringfence.ask("guard", "alerts", "--site", site)
    assert hub.do("GET", f"/guard/alerts?site={site}&sort=when")["items"] == [alert]
    assert hub.raw("GET", "/guard/alerts?sort=sideways").status == 422
    assert str(alert["id"]) in ringfence("guard", "alerts", "--site", site)
    assert ringfence.ask("guard", "alerts", "--close", str(alert["id"]))["closed_at"]
    assert ringfence.ask("guard", "alerts", "--site", site) == []
    assert len(ringfence.ask("guard", "alerts", "--site", site, "--all")) == 1
    ringfence.refused(4, "guard", "alerts", "--close", "99999")
