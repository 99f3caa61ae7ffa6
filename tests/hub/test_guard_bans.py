"""Bans of addresses, which reach the edges and are audited."""

from pathlib import Path

from support.reporting_edge import ReportingEdge
from support.running_hub import RunningHub


def test_an_address_is_banned_at_one_site_or_everywhere(running: RunningHub, tmp_path: Path) -> None:
    here, there = running.site("Bans here"), running.site("Bans there")
    own, other = ReportingEdge(running, here, tmp_path / "own"), ReportingEdge(running, there, tmp_path / "other")
    running.do("POST", "/guard/bans", {"address": "192.0.2.66", "site": here, "why": "asks for others' files"})
    running.do("POST", "/guard/bans", {"address": "2001:DB8::1", "lasts_s": 60, "why": "so"})
    assert {ban.host for ban in own.rules().bans} == {"192.0.2.66", "2001:db8::1"}
    assert [ban.host for ban in other.rules().bans] == ["2001:db8::1"]
    with running.clock.forward(61):
        assert other.rules().bans == ()
    running.do("DELETE", "/guard/bans/192.0.2.66")
    assert [ban.host for ban in own.rules().bans] == ["2001:db8::1"]
    running.do("DELETE", "/guard/bans/2001:db8::1")
    for order in (
        {"address": "example.org", "why": "x"},
        {"address": "192.0.2.1", "why": ""},
        {"address": "192.0.2.1", "why": "x", "lasts_s": 0},
    ):
        assert running.ask("POST", "/guard/bans", order).json["kind"] == "bad-selection"


def test_a_ban_that_a_gateway_made_is_lifted_too(running: RunningHub, tmp_path: Path) -> None:
    edge = ReportingEdge(running, running.site("Own bans"), tmp_path / "edge")
    answer = running.ask("DELETE", "/guard/bans/192.0.2.67")
    assert (answer.status, answer.json["kind"]) == (404, "nothing-to-end")
    at = running.clock()
    edge.report("banned", "Banned 192.0.2.67 until 12:00 UTC.", peer="192.0.2.67", duration_s=600.0)
    running.do("DELETE", "/guard/bans/192.0.2.67")
    (lifted,) = [ban for ban in edge.rules().lifted if ban.host == "192.0.2.67"]
    assert lifted.until >= at
    assert "192.0.2.67" not in {ban.host for ban in edge.rules().bans}
