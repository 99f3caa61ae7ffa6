"""Alerts about edges themselves, the hub's metrics of the fleet, and its health."""

from pathlib import Path

import pytest

from ringfence.hub.fleet.guard import edge_alerts
from ringfence.identity.certificates import DAY_S, EDGE_LIFETIME_S
from ringfence.wire import paths
from ringfence.wire.messages import EdgeHealth
from support.reporting_edge import ReportingEdge, alerts
from support.running_hub import RunningHub

MAC = "00:1B:54:C2:7F:{:02X}"


def look(running: RunningHub) -> None:
    with running.hub.change("the hub") as change:
        edge_alerts.look(change)


def kinds(running: RunningHub, site: str) -> list[str]:
    return [kind for kind, _subject, _count in alerts(running, site)]


def test_an_edge_that_is_away_is_told_of_once_and_until_it_is_back(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Away")
    edge = ReportingEdge(running, site, tmp_path / "edge")
    look(running)
    assert kinds(running, site) == []
    with running.clock.forward(edge_alerts.AWAY_AFTER_S + 1):
        for _ in range(2):
            look(running)
        assert alerts(running, site) == [("edge-away", edge.hand.response.edge_id, 1)]
        edge.report("agent-started")
        look(running)
        assert kinds(running, site) == []


def test_an_edge_that_is_connected_and_stays_behind_is_told_of(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Behind")
    edge = ReportingEdge(running, site, tmp_path / "edge")
    running.phone(site, MAC.format(1))
    running.publish(sites=[site])
    look(running)
    assert kinds(running, site) == [], "it has just been published"
    with running.clock.forward(edge_alerts.BEHIND_AFTER_S + 1):
        edge.report("agent-started")
        look(running)
        assert kinds(running, site) == ["edge-behind"]
        edge.report("release-served", release=1)
        look(running)
        assert kinds(running, site) == []


def test_what_an_edge_says_of_itself_is_shown_and_told_of_until_it_is_over(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Unwell")
    edge = ReportingEdge(running, site, tmp_path / "edge")
    hand, edge_id = edge.hand, edge.hand.response.edge_id
    now = hand.hub.clock()
    assert hand.post(paths.HEALTH, EdgeHealth(now, "disk-full", "the disk is full\x1b[2J", 5)).status == 200
    look(running)
    assert kinds(running, site) == ["edge-problem"]
    shown = running.do("GET", f"/edges/{edge_id}")
    assert (shown["problem"], shown["problem_text"]) == ("disk-full", "the disk is full\ufffd[2J")
    assert shown["problem_since"] >= now
    assert (shown["clock_off_s"], shown["disk_free_bytes"]) == (0.0, 5)
    assert hand.post(paths.HEALTH, EdgeHealth(now - 7200, "new-word", "?")).status == 200
    look(running)
    assert kinds(running, site) == ["edge-clock", "edge-problem"]
    sentences = [each["sentence"] for each in running.do("GET", f"/guard/alerts?site={site}")["items"]]
    assert any("2 hours slow. Set up NTP" in sentence for sentence in sentences)
    assert running.do("GET", f"/edges/{edge_id}")["problem"] == "other"
    assert hand.post(paths.HEALTH, EdgeHealth(now)).status == 200
    look(running)
    assert kinds(running, site) == []
    assert running.do("GET", f"/edges/{edge_id}")["problem_since"] is None


@pytest.mark.parametrize("at", [1e308, -1e308, 1e18])
def test_no_clock_is_so_wrong_that_it_stops_anything(running: RunningHub, tmp_path: Path, at: float) -> None:
    site = running.site(f"Clock {at:g}".replace("+", " "))
    edge = ReportingEdge(running, site, tmp_path / "edge")
    assert edge.hand.post(paths.HEALTH, EdgeHealth(at)).status == 200
    look(running)
    assert kinds(running, site) == ["edge-clock"]


def test_a_certificate_that_ends_is_told_of_until_it_is_renewed(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Ending")
    edge = ReportingEdge(running, site, tmp_path / "edge")
    with running.clock.forward(EDGE_LIFETIME_S - 3 * DAY_S):
        edge.report("agent-started")
        look(running)
        assert kinds(running, site) == ["certificate-ends"]
        edge.hand.use(edge.hand.renewed())
        look(running)
        assert kinds(running, site) == []


def test_a_revoked_edge_is_missed_by_nobody(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Gone")
    edge = running.enrol(site, tmp_path / "edge")
    running.do("POST", f"/edges/{edge.response.edge_id}/revoke", {})
    with running.clock.forward(2 * EDGE_LIFETIME_S):
        look(running)
        assert kinds(running, site) == []


def test_the_metrics_count_the_fleet(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Counted")
    running.enrol(site, tmp_path / "edge")
    text = running.raw("GET", "/metrics").data.decode()
    for name in ("edges", "edges_behind", "edge_certificates", "sites", "phones", "reports_not_kept", "edges_fetching",
                 "alert_notices_waiting", "alert_channels", "disk_free_bytes"):  # fmt: skip
        assert f"# TYPE ringfence_{name} gauge" in text
    assert 'ringfence_edges{state="away"}' in text
    running.raw("GET", "/api/v1/nothing")
    text = running.raw("GET", "/metrics").data.decode()
    for listener, status in (("people", "2xx"), ("people", "4xx"), ("device", "2xx")):
        counted = f'ringfence_request_duration_seconds_count{{listener="{listener}",status="{status}"}} '
        assert float(text.split(counted)[1].split("\n")[0]) > 0


def test_health_is_open_to_all_and_says_nothing_else(running: RunningHub) -> None:
    for path in ("/healthz", "/readyz"):
        answer = running._people.request("GET", path)
        assert (answer.status, answer.data) == (200, b"ok\n")
