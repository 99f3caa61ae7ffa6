"""An edge that moves."""

from pathlib import Path

from ringfence.hub.fleet import edges
from ringfence.hub.fleet.guard import edge_networks, rules_for_edges
from support.reporting_edge import ReportingEdge, alerts
from support.running_hub import RunningHub


def stands_at(running: RunningHub, edge: ReportingEdge, host: str) -> str:
    """Let an edge connect from an address, and return why it holds files back then."""
    edge_id = edge.hand.response.edge_id
    with running.hub.change(edge_id) as change:
        edge_networks.note(change, edges.get(change.session, edge_id), host)
    with running.hub.database.reading() as session:
        return rules_for_edges.compile_rules(session, edges.get(session, edge_id), running.clock()).held


def test_an_edge_that_moves_is_told_of_by_default_and_serves_on(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Moves")
    edge = ReportingEdge(running, site, tmp_path / "edge")
    assert edge.rules().held == ""
    assert alerts(running, site) == [], "the first network is where it belongs"
    assert stands_at(running, edge, "198.51.100.7") == ""
    ((kind, subject, _count),) = alerts(running, site)
    assert (kind, subject) == ("edge-moved", edge.hand.response.edge_id)
    assert stands_at(running, edge, "127.0.0.1") == ""
    assert stands_at(running, edge, "198.51.100.250") == ""
    assert [count for _kind, _subject, count in alerts(running, site)] == [1], "the same /24 is no news"


def test_a_stolen_edge_gives_no_phones_file_until_a_person_accepts_it(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Stolen")
    running.do("PATCH", f"/sites/{site}/guard", {"edge_moves": "hold"})
    edge, spare = ReportingEdge(running, site, tmp_path / "edge"), ReportingEdge(running, site, tmp_path / "spare")
    assert (edge.rules().held, spare.rules().held) == ("", "")
    version = edge.rules().version
    edge_id = edge.hand.response.edge_id
    held = stands_at(running, edge, "2001:db8:77::5")
    assert "2001:db8:77::/56" in held
    assert edge_id in held
    with running.hub.database.reading() as session:
        other = edges.get(session, spare.hand.response.edge_id)
        told = rules_for_edges.compile_rules(session, other, running.clock())
    assert told.held == "", "the spare one stands where it stood"
    assert told.version > version, "so that the edge is told"
    assert stands_at(running, edge, "127.0.0.1") == "", "it is back"
    assert stands_at(running, edge, "2001:db8:77::5"), "and that network is still not accepted"
    assert running.do("POST", f"/edges/{edge_id}/accept")["networks"] == ["2001:db8:77::/56"]
    assert running.newest_action() == ("edge.accept", edge_id)
    assert stands_at(running, edge, "2001:db8:77::5") == ""
    assert alerts(running, site) == []
    with running.clock.forward(91 * 86_400):
        assert stands_at(running, edge, "127.0.0.1"), "after 90 days nobody remembers it"


def test_edge_moves_can_be_ignored(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Ignored")
    running.do("PATCH", f"/sites/{site}/guard", {"edge_moves": "ignore"})
    edge = ReportingEdge(running, site, tmp_path / "edge")
    edge.rules()
    assert stands_at(running, edge, "198.51.100.7") == ""
    assert alerts(running, site) == []
