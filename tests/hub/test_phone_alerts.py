"""Alerts about phones that reject their configuration or boot again and again."""

from pathlib import Path

from ringfence.hub.fleet import phone_alerts
from ringfence.wire import paths
from ringfence.wire.messages import Report, ReportBatch
from support.phones_with_lists import holding_a_list
from support.reporting_edge import ReportingEdge, alerts
from support.running_hub import RunningHub

MAC = "00:1B:54:D3:00:{:02X}"


def prepared(running: RunningHub, name: str, macs: list[str], folder: Path) -> tuple[str, ReportingEdge]:
    site = running.site(name)
    for mac in macs:
        running.phone(site, mac)
    running.publish(sites=[site])
    return site, ReportingEdge(running, site, folder)


def asks_signed(edge: ReportingEdge, mac: str, at: list[float]) -> None:
    """Report when a phone asked for its configuration in a signed form, which is not there."""
    bare = mac.replace(":", "")
    reports = [
        Report(edge.seq + number, when, "file-refused", "Not there.", f"SEP{bare}.cnf.xml.sgn", bare, "192.168.1.7", 1)
        for number, when in enumerate(at, 1)
    ]
    assert edge.hand.post(paths.REPORTS, ReportBatch(tuple(reports), edge.seq)).status == 200
    edge.seq += len(reports)


def fetches(edge: ReportingEdge, mac: str, at: list[float], then: str = "") -> None:
    """Report when a phone took its configuration, and what it took after each time."""
    bare, parts = mac.replace(":", ""), list[tuple[float, str]]()
    for each in at:
        parts += [(each, f"SEP{bare}.cnf.xml"), *([(each + 1, then)] if then else [])]
    reports = [
        Report(edge.seq + number, when, "file-served", "Took it.", name, bare, "192.168.1.7", 1, 8000, 0.1)
        for number, (when, name) in enumerate(parts, 1)
    ]
    assert edge.hand.post(paths.REPORTS, ReportBatch(tuple(reports), edge.seq)).status == 200
    edge.seq += len(reports)


def test_a_phone_that_rejects_its_file_is_told_of_until_it_takes_one(running: RunningHub, tmp_path: Path) -> None:
    mac, other = MAC.format(1), MAC.format(2)
    site, edge = prepared(running, "Rejecting", [mac, other], tmp_path / "edge")
    now = running.clock()
    fetches(edge, other, [now - 100])
    fetches(edge, mac, [now - 45 * turn for turn in range(4, 1, -1)])
    for _ in range(2):
        phone_alerts.look(running.hub)
    bare = mac.replace(":", "")
    assert alerts(running, site) == [("phone-rejects", bare, 1)]
    (told,) = running.do("GET", f"/guard/alerts?site={site}")["items"]
    assert told["sentence"].startswith(f"Phone {mac}: It asks for its configuration again every 45 s")
    with running.clock.forward(1200):
        fetches(edge, mac, [running.clock()], then="dialplan.xml")
        assert phone_alerts.look(running.hub) == (0, 1)
        assert alerts(running, site) == []


def test_a_phone_that_boots_again_and_again_is_told_of(running: RunningHub, tmp_path: Path) -> None:
    mac = MAC.format(3)
    site, edge = prepared(running, "Looping", [mac], tmp_path / "edge")
    now = running.clock()
    fetches(edge, mac, [now - 150 * turn for turn in range(5, 0, -1)], then="dialplan.xml")
    phone_alerts.look(running.hub)
    assert [kind for kind, _subject, _count in alerts(running, site)] == ["phone-loops"]
    running.do("DELETE", f"/phones/{mac}")
    phone_alerts.look(running.hub)
    assert alerts(running, site) == []


def test_a_phone_with_somebody_elses_trust_list_is_told_of_until_it_asks_as_others_do(
    running: RunningHub, tmp_path: Path
) -> None:
    mac = MAC.format(5)
    site, edge = prepared(running, "Taking over", [mac], tmp_path / "edge")
    now = running.clock()
    asks_signed(edge, mac, [now - 60 * turn for turn in range(4, 0, -1)])
    phone_alerts.look(running.hub)
    bare = mac.replace(":", "")
    assert alerts(running, site) == [("phone-foreign-list", bare, 1)]
    shown = running.do("GET", f"/phone-trust/{mac}")
    assert shown["holds_foreign_list"]
    assert f"ringfence trust adopt {mac}" in shown["next_step"]
    assert shown["steps"]
    assert "foreign-list" in [each["word"] for each in running.do("GET", f"/phones/{mac}/status")["sentences"]]
    with running.clock.forward(300):
        fetches(edge, mac, [running.clock()], then="dialplan.xml")
        phone_alerts.look(running.hub)
        assert alerts(running, site) == []
        assert not running.do("GET", f"/phone-trust/{mac}")["holds_foreign_list"]


def test_a_phone_that_asks_without_signatures_though_it_held_a_list_is_told_of(
    running: RunningHub, tmp_path: Path
) -> None:
    mac = MAC.format(6)
    site, edge = prepared(running, "Erased", [mac], tmp_path / "edge")
    with running.hub.change("test") as change:
        change.session.add(holding_a_list(mac.replace(":", ""), change.now))
    now = running.clock()
    fetches(edge, mac, [now - 150 * turn for turn in range(3, 0, -1)], then="dialplan.xml")
    phone_alerts.look(running.hub)
    assert [kind for kind, _subject, _count in alerts(running, site)] == ["phone-asks-unsigned"]


def test_an_edge_can_say_nothing_of_another_sites_phone(running: RunningHub, tmp_path: Path) -> None:
    mac = MAC.format(4)
    site, _edge = prepared(running, "Belied", [mac], tmp_path / "edge")
    other, liar = prepared(running, "Lying", [], tmp_path / "liar")
    now = running.clock()
    fetches(liar, mac, [now - 45 * turn for turn in range(5, 0, -1)])
    phone_alerts.look(running.hub)
    assert alerts(running, site) == []
    assert [kind for kind, _subject, _count in alerts(running, other)] == ["foreign-reports"]
