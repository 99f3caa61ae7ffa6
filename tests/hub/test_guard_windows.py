"""Provisioning windows: bound, used, ended; each reaches the edges and is audited."""

from pathlib import Path

from ringfence.guard.rules import read_rules
from ringfence.wire.messages import GuardNetwork
from support.reporting_edge import ReportingEdge
from support.running_hub import RunningHub

MAC = "00:1B:54:C2:B2:{:02X}"


def bare(number: int) -> str:
    return MAC.format(number).replace(":", "")


def test_a_window_is_bound_used_and_makes_its_address_known(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Window")
    running.phone(site, MAC.format(8))
    edge = ReportingEdge(running, site, tmp_path / "edge")
    window = running.do("PUT", f"/phones/{bare(8)}/window", {"lasts_s": 600})
    (told,) = edge.rules().windows
    assert (told.id, told.mac, told.who, told.used) == (window["id"], bare(8), "administrator", False)
    edge.report("window-bound", name=window["id"], owner=bare(8), peer="203.0.113.5")
    assert edge.rules().windows[0].bound_to == "203.0.113.5"
    assert edge.rules().learned == ()
    edge.report("window-used", name=window["id"], owner=bare(8), peer="203.0.113.5")
    rules = edge.rules()
    assert rules.windows[0].used
    (known,) = rules.learned
    assert known.network == "203.0.113.5/32"
    assert 29 * 86_400 < known.until - running.clock() <= 30 * 86_400
    assert read_rules(rules).why_known("203.0.113.5", running.clock())
    with running.clock.forward(31 * 86_400):
        edge.hand.use(edge.hand.renewed())
        assert edge.rules().learned == ()


def test_an_ipv6_address_makes_its_household_known_and_no_days_make_none(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Window six")
    edge = ReportingEdge(running, site, tmp_path / "edge")
    for number, days in ((9, 0), (10, 5)):
        running.phone(site, MAC.format(number))
        running.do("PATCH", f"/sites/{site}/guard", {"learned_days": days})
        window = running.do("PUT", f"/phones/{bare(number)}/window", {})
        edge.report("window-used", name=window["id"], owner=bare(number), peer="2001:db8:1:2::77")
    (known,) = edge.rules().learned
    assert isinstance(known, GuardNetwork)
    assert known.network == "2001:db8:1:2::/64"
    assert MAC.format(10) in known.why


def test_another_sites_edge_can_not_use_a_window_up(running: RunningHub, tmp_path: Path) -> None:
    here, there = running.site("Window here"), running.site("Window there")
    running.phone(here, MAC.format(11))
    own, liar = ReportingEdge(running, here, tmp_path / "own"), ReportingEdge(running, there, tmp_path / "liar")
    window = running.do("PUT", f"/phones/{bare(11)}/window", {})
    liar.report("window-used", name=window["id"], owner=bare(11), peer="203.0.113.5")
    assert [(each.used, each.bound_to) for each in own.rules().windows] == [(False, "")]
    assert liar.rules().learned == ()


def test_a_window_ends_by_hand_by_another_and_by_itself(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Window ends")
    running.phone(site, MAC.format(12))
    edge = ReportingEdge(running, site, tmp_path / "edge")
    path = f"/phones/{bare(12)}/window"
    first, second = running.do("PUT", path, {}), running.do("PUT", path, {})
    assert first["id"] != second["id"]
    assert [each.id for each in edge.rules().windows] == [second["id"]]
    running.do("DELETE", path)
    assert edge.rules().windows == ()
    assert running.ask("DELETE", path).json["kind"] == "nothing-to-end"
    running.do("PUT", path, {"lasts_s": 60})
    with running.clock.forward(61):
        assert edge.rules().windows == ()
    for lasts_s in (0, -5, 1e9):
        assert running.ask("PUT", path, {"lasts_s": lasts_s}).json["kind"] == "bad-selection"
