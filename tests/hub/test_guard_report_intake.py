"""What edges report of their guards: kept whole, told once, and believed for their own site alone."""

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ringfence.content.release import TargetKind
from ringfence.guard.decision import (
    Decision,
    FileRequest,
    HeldFile,
    decide,
)
from ringfence.guard.evidence import Announced, Evidence, Shown
from ringfence.guard.policy import EDGE_LEVELS, Policy
from ringfence.guard.record import to_text
from ringfence.hub.fleet.guard.model_guess import model_of_names
from ringfence.wire.messages import (
    GuardElsewhere,
)
from support.reporting_edge import ReportingEdge, alerts
from support.running_hub import RunningHub

MAC = "00:1B:54:C2:B1:{:02X}"
STRANGER = "AABBCCDDEE01"


def bare(number: int) -> str:
    return MAC.format(number).replace(":", "")


def refused(mac: str, host: str, policy: Policy) -> tuple[Decision, str]:
    held = HeldFile(TargetKind.CONFIGURATION, mac)
    evidence = Evidence(frozenset({mac}), on_link=True, neighbours=(Shown(STRANGER, "eth0"),))
    decision = decide(FileRequest(f"SEP{mac}.cnf.xml", host), held, evidence, policy, "Anna")
    return decision, to_text(decision, held)


def test_a_decision_is_kept_and_listed_with_its_levels(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Log")
    edge = ReportingEdge(running, site, tmp_path / "edge")
    decision, record = refused(bare(1), "192.168.1.77", Policy(EDGE_LEVELS))
    edge.asks("file-refused", bare(1), "other-mac", sentence=decision.sentence, decision=record, count=3)
    edge.asks("file-served", bare(1), level="L3")
    edge.report("release-served", release=1)
    served, row = running.do("GET", f"/guard/log?site={site}")["items"]
    assert (served["verdict"], served["reached"]) == ("allow", "L3")
    assert (row["verdict"], row["finding"], row["reached"], row["needed"]) == ("refuse", "other-mac", "L1", "L3")
    assert (row["count"], row["peer"], row["sentence"]) == (3, "192.168.1.77", decision.sentence)
    only = running.do("GET", f"/guard/log?site={site}&refused=true&phone={MAC.format(1)}")["items"]
    assert [each["id"] for each in only] == [row["id"]]


def test_the_last_decision_is_explained_with_its_evidence_and_by_todays_policy(
    running: RunningHub, tmp_path: Path
) -> None:
    site = running.site("Explain")
    running.phone(site, MAC.format(2))
    edge = ReportingEdge(running, site, tmp_path / "edge")
    assert running.ask("GET", f"/phones/{bare(2)}/guard").json["kind"] == "nothing-recorded"
    decision, record = refused(bare(2), "192.168.1.77", Policy(EDGE_LEVELS))
    edge.asks("file-refused", bare(2), "other-mac", decision=record)
    found = running.do("GET", f"/phones/{bare(2)}/guard")
    assert (found["sentence"], found["same_today"]) == (decision.sentence, True)
    assert any("AA:BB:CC:DD:EE:01" in reason for reason in found["reasons"])
    running.do("PATCH", f"/sites/{site}/guard", {"needs": {"secret": "L1"}})
    found = running.do("GET", f"/phones/{bare(2)}/guard")
    assert (found["sentence"], found["same_today"]) == (decision.sentence, False)
    assert found["today"].startswith("Allowed")


def test_a_record_that_is_none_is_said_to_be_none(running: RunningHub, tmp_path: Path) -> None:
    edge = ReportingEdge(running, running.site("Broken record"), tmp_path / "edge")
    edge.asks("file-refused", bare(3), "other-mac", decision='{"name": []}')
    answer = running.ask("GET", f"/phones/{bare(3)}/guard")
    assert (answer.status, answer.json["kind"]) == (404, "nothing-recorded")
    assert running.ask("GET", "/guard/log").status == 200


@pytest.mark.parametrize(
    "finding",
    ["other-mac", "two-macs", "other-frame", "two-addresses", "other-link", "two-sites", "other-lease", "window-taken",
     "behaviour"],
)  # fmt: skip
def test_somebody_else_at_a_phones_file_is_one_alert_that_counts(
    running: RunningHub, tmp_path: Path, finding: str
) -> None:
    site = running.site(f"Somebody {finding}")
    edge = ReportingEdge(running, site, tmp_path / "edge")
    for _ in range(2):
        edge.asks("file-refused", bare(4), finding, count=5)
    assert alerts(running, site) == [(finding, bare(4), 10)]


@pytest.mark.parametrize("finding", ["not-in-release", "optional-file", "not-on-link", "outside-networks"])
def test_what_happens_every_day_is_no_alert(running: RunningHub, tmp_path: Path, finding: str) -> None:
    site = running.site(f"Daily {finding}")
    ReportingEdge(running, site, tmp_path / "edge").asks("file-refused", bare(5), finding)
    assert alerts(running, site) == []


def test_a_closed_alert_opens_anew(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Anew")
    edge = ReportingEdge(running, site, tmp_path / "edge")
    edge.report("banned", "Banned 192.0.2.9 until 12:00 UTC.", peer="192.0.2.9", duration_s=600.0)
    (first,) = running.do("GET", f"/guard/alerts?site={site}")["items"]
    closed = running.do("POST", f"/guard/alerts/{first['id']}/close")
    assert closed["closed_by"] == "administrator"
    assert alerts(running, site) == []
    edge.report("banned", "Banned 192.0.2.9 until 12:00 UTC.", peer="192.0.2.9", duration_s=600.0)
    assert alerts(running, site) == [("banned", "192.0.2.9", 1)]
    assert len(alerts(running, site, closed_too="true")) == 2
    assert running.ask("POST", "/guard/alerts/99999/close").json["kind"] == "unknown-alert"


def test_an_unknown_phone_waits_with_a_guess_of_its_model(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Unknown")
    edge = ReportingEdge(running, site, tmp_path / "edge")
    edge.asks("file-refused", bare(6), "unknown-phone")
    (row,) = running.do("GET", f"/guard/waiting?site={site}")["items"]
    assert (row["kind"], row["subject"], row["model"], row["peer"]) == ("unknown-phone", bare(6), "", "192.168.1.77")
    edge.report("file-refused", name="English_United_States/gd-sip.jar", peer="192.168.1.77", finding="optional-file")
    edge.asks("file-refused", bare(6), "unknown-phone")
    (row,) = running.do("GET", f"/guard/waiting?site={site}")["items"]
    assert (row["model"], row["count"]) == ("9971", 2)
    assert row["sentence"] == f"SEP{bare(6)} (9971) is asking at Unknown from 192.168.1.77, and it is at no site yet."


def test_who_guesses_names_does_not_fill_the_list(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Guesses")
    edge = ReportingEdge(running, site, tmp_path / "edge")
    for number in range(60):
        edge.asks("file-refused", f"001B54C3{number:04X}", "unknown-phone", peer=f"10.0.{number // 10}.1")
    edge.report("file-refused", "It guesses.", name="(guessed names)", peer="10.0.0.1", finding="enumerates")
    kinds = [kind for kind, _subject, _count in alerts(running, site)]
    assert kinds.count("unknown-phone") == 24, "four of each address"
    assert kinds.count("enumerates") == 1


def test_a_model_is_guessed_only_where_one_fits() -> None:
    assert model_of_names(["/spa504G.cfg"]) == "SPA504G"
    assert model_of_names(["8851-3PCC.xml"]) == "8851-3PCC"
    assert model_of_names(["SEP001B54C2B106.cnf.xml", "g4-tones.xml"]) == "", "a 9951 asks for them as well"
    assert model_of_names([], "Cisco IP Phone 8851") == "8851"
    assert model_of_names([], "a printer") == ""


def test_an_announcement_tells_the_model(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Announced")
    edge = ReportingEdge(running, site, tmp_path / "edge")
    evidence = Evidence(announced=Announced("cdp", bare(7), f"SEP{bare(7)}", "Cisco IP Phone 7962", "eth0"))
    record = to_text(decide(FileRequest(f"SEP{bare(7)}.cnf.xml", "192.168.1.9"), None, evidence), None)
    edge.asks("file-refused", bare(7), "unknown-phone", decision=record)
    (row,) = running.do("GET", f"/guard/waiting?site={site}")["items"]
    assert row["model"] == "7962"


def test_a_phone_that_takes_its_file_is_let_in_and_waits_no_more(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Admitted")
    running.phone(site, MAC.format(8))
    running.do("PATCH", f"/sites/{site}/guard", {"first_contact": "window"})
    edge = ReportingEdge(running, site, tmp_path / "edge")
    assert edge.rules().never_admitted == (bare(8),)
    edge.asks("file-held-back", bare(8), "new-phone")
    assert alerts(running, site) == [("new-phone", bare(8), 1)]
    edge.report("file-served", name=f"CTLSEP{bare(8)}.tlv", owner=bare(8), peer="192.168.1.77")
    assert edge.rules().never_admitted == (bare(8),), "a trust list is not its configuration"
    edge.asks("file-served", bare(8))
    assert edge.rules().never_admitted == ()
    assert alerts(running, site) == []


def test_an_edge_lets_no_phone_of_another_site_in(running: RunningHub, tmp_path: Path) -> None:
    here, there = running.site("Own site"), running.site("Lying site")
    running.phone(here, MAC.format(9))
    running.do("PATCH", f"/sites/{here}/guard", {"first_contact": "hold"})
    own, liar = ReportingEdge(running, here, tmp_path / "own"), ReportingEdge(running, there, tmp_path / "liar")
    liar.asks("file-served", bare(9))
    assert own.rules().never_admitted == (bare(9),)


def test_a_phone_that_was_served_at_one_site_is_the_newcomer_at_another(running: RunningHub, tmp_path: Path) -> None:
    here, there = running.site("Kept"), running.site("Newcomers")
    running.phone(here, MAC.format(10))
    own, other = ReportingEdge(running, here, tmp_path / "own"), ReportingEdge(running, there, tmp_path / "other")
    own.asks("file-served", bare(10), peer="192.168.1.5")
    other.asks("file-refused", bare(10), "unknown-phone")
    assert other.rules().elsewhere == (GuardElsewhere(bare(10), "another site"),)
    assert own.rules().elsewhere == ()
    assert ("two-sites", bare(10), 1) in alerts(running, there)
    own.asks("file-served", bare(10), peer="192.168.1.5")
    assert own.rules().elsewhere == (), "it stays where it was"
    with running.clock.forward(601):
        assert other.rules().elsewhere == ()


def test_to_ask_for_a_phones_file_elsewhere_locks_nobody_out(running: RunningHub, tmp_path: Path) -> None:
    here, there = running.site("Real phone"), running.site("Attacker")
    own, other = ReportingEdge(running, here, tmp_path / "own"), ReportingEdge(running, there, tmp_path / "other")
    other.asks("file-refused", bare(11), "unknown-phone")
    own.asks("file-served", bare(11))
    assert own.rules().elsewhere == ()


def test_decisions_are_counted_for_prometheus(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Metrics")
    edge = ReportingEdge(running, site, tmp_path / "edge")
    for count in (5, 7):
        edge.report("decisions-counted", finding="allow", level="L3", count=count)
    edge.report("decisions-counted", finding="refuse", level='L"\n', count=1)
    edge.asks("file-refused", bare(12), "other-mac")
    answer = running.raw("GET", "/metrics")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    families = {family.name: family for family in text_string_to_metric_families(answer.data.decode())}
    decisions, opened = families["ringfence_guard_decisions"], families["ringfence_guard_alerts_open"]
    assert (decisions.type, opened.type) == ("counter", "gauge")
    samples = {
        (sample.name, *sorted(sample.labels.items()), sample.value)
        for sample in (*decisions.samples, *opened.samples)
        if sample.labels["site"] == site
    }
    total = "ringfence_guard_decisions_total"
    assert samples == {
        (total, ("level", "L3"), ("site", site), ("verdict", "allow"), 12),
        (total, ("level", 'L"\N{REPLACEMENT CHARACTER}'), ("site", site), ("verdict", "refuse"), 1),
        ("ringfence_guard_alerts_open", ("kind", "other-mac"), ("site", site), 1),
    }


def test_the_metrics_need_a_token(running: RunningHub) -> None:
    pool = running._people
    assert pool.request("GET", "/metrics").status == 401
