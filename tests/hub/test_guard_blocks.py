"""A phone that is shut out."""

from pathlib import Path

from support.reporting_edge import ReportingEdge
from support.running_hub import RunningHub

MAC = "00:1B:54:C2:B2:{:02X}"


def bare(number: int) -> str:
    return MAC.format(number).replace(":", "")


def test_a_blocked_phone_is_shut_out_until_it_is_let_in(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Block")
    running.phone(site, MAC.format(7))
    edge = ReportingEdge(running, site, tmp_path / "edge")
    running.do("PUT", f"/phones/{bare(7)}/window", {})
    running.do("POST", f"/phones/{bare(7)}/block")
    assert (edge.rules().blocked, edge.rules().windows) == ((bare(7),), ())
    assert "unban" in running.ask("PUT", f"/phones/{bare(7)}/window", {}).json["to_do"]
    assert "unban" in running.ask("POST", f"/phones/{bare(7)}/accept", {}).json["to_do"]
    running.do("DELETE", f"/phones/{bare(7)}/block")
    assert running.newest_action() == ("guard.unban", MAC.format(7))
    assert edge.rules().blocked == ()
    assert running.ask("DELETE", f"/phones/{bare(7)}/block").json["kind"] == "nothing-to-end"
