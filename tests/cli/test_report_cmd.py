"""``ringfence report``."""

from pathlib import Path

from cli.conftest import PhoneThere
from support.command_line import CommandLine
from support.reporting_edge import ReportingEdge
from support.running_hub import RunningHub


def test_what_edges_report_is_listed(
    ringfence: CommandLine, hub: RunningHub, phone: PhoneThere, tmp_path: Path
) -> None:
    edge = ReportingEdge(hub, phone.site, tmp_path / "edge")
    edge.report("release-served", "Release 1 is served.", release=1)
    edge.asks("file-served", phone.bare)
    assert [row["kind"] for row in ringfence.ask("report", "list", "--site", phone.site)] == [
        "file-served", "release-served",
    ]  # fmt: skip
    (oldest,) = ringfence.ask("report", "list", "--site", phone.site, "--sort", "when", "--limit", "1")
    assert oldest["kind"] == "release-served"
    assert "Release 1 is served." in ringfence("report", "list", "--site", phone.site)
    (row,) = ringfence.ask("report", "list", "--phone", phone.mac, "--limit", "1")
    assert row["kind"] == "file-served"
    ringfence.refused(4, "report", "list", "--site", "nowhere")
    ringfence.refused(3, "report", "list", "--phone", "no-address")
