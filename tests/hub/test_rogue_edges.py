"""What an edge that somebody else controls can do: harm its own site, and no other."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ringfence.hub.fleet import report_budget, report_gate, reports
from ringfence.hub.fleet.guard import report_intake
from ringfence.hub.fleet.reports import StoredReports
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import EdgeRow
from ringfence.hub.store.pages import Page
from ringfence.identity.certificates import make_request
from ringfence.wire import codec, paths
from ringfence.wire.messages import EnrolRequest, Report, ReportAcknowledgement, ReportBatch
from support.reporting_edge import ReportingEdge, alerts
from support.running_hub import RunningHub

MAC = "00:1B:54:C2:7B:{:02X}"


def bare(number: int) -> str:
    return MAC.format(number).replace(":", "")


def test_a_report_of_anothers_phone_locks_it_out_nowhere_and_is_told_of(running: RunningHub, tmp_path: Path) -> None:
    here, there = running.site("Victim"), running.site("Rogue")
    running.phone(here, MAC.format(1))
    own, rogue = ReportingEdge(running, here, tmp_path / "own"), ReportingEdge(running, there, tmp_path / "rogue")
    rogue.asks("file-served", bare(1))
    own.asks("file-served", bare(1), peer="192.168.1.5")
    assert own.rules().elsewhere == (), "or the phone would be refused at its own site"
    assert alerts(running, here) == []
    assert alerts(running, there) == [("foreign-reports", rogue.hand.response.edge_id, 1)]
    told = running.do("GET", f"/reports?phone={bare(1)}")["items"]
    assert [(each["site"], each["counts"]) for each in told] == [(here, True), (there, False)], "it is kept and marked"


def test_reports_of_a_phone_that_moved_away_come_late_and_are_no_alarm(running: RunningHub, tmp_path: Path) -> None:
    here, there = running.site("Before"), running.site("After")
    running.phone(here, MAC.format(2))
    running.publish(sites=[here])
    edge = ReportingEdge(running, here, tmp_path / "edge")
    running.do("PATCH", f"/phones/{bare(2)}", {"site": there})
    edge.asks("file-served", bare(2), release=1)
    assert alerts(running, here) == []
    new = ReportingEdge(running, there, tmp_path / "new")
    new.asks("file-refused", bare(2), "no-frame")
    assert new.rules().elsewhere == (), "nor does it keep the phone out where it is now"


def test_an_edge_may_say_who_asks_for_anothers_phone(running: RunningHub, tmp_path: Path) -> None:
    here, there = running.site("Owner"), running.site("Visited")
    running.phone(here, MAC.format(3))
    ReportingEdge(running, there, tmp_path / "edge").asks("file-refused", bare(3), "unknown-phone")
    ((kind, subject, _count),) = alerts(running, there)
    assert (kind, subject) == ("unknown-phone", bare(3))


def test_a_flood_of_reports_is_counted_and_not_kept(
    running: RunningHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_budget, "MOST_UNITS", 30.0)
    monkeypatch.setattr(report_budget, "UNITS_A_SECOND", 1.0)
    site = running.site("Flood")
    edge = running.enrol(site, tmp_path / "edge")
    flood = tuple(Report(number, 1.0, "worker-died", "x" * 1000) for number in range(1, 101))
    assert edge.post(paths.REPORTS, ReportBatch(flood)).json == {"stored_through": 100}, "nothing is sent again"
    with running.hub.database.reading() as session:
        assert len(reports.find(session, site_id=site, phone=None, page=Page(500)).rows) == 30
        assert session.get_one(EdgeRow, edge.response.edge_id).reports_not_kept == 70
    assert alerts(running, site) == [("report-flood", edge.response.edge_id, 70)]
    with running.clock.forward(5):
        edge.post(paths.REPORTS, ReportBatch((Report(101, 1.0, "worker-died", "Later."),), 100))
    with running.hub.database.reading() as session:
        assert len(reports.find(session, site_id=site, phone=None, page=Page(500)).rows) == 31, "the budget fills again"


def test_a_large_text_costs_more_than_a_small_one() -> None:
    edge = EdgeRow(reports_left=0.0, reports_left_at=None)
    small, large = Report(1, 1.0, "x", "y"), Report(2, 1.0, "x", "y", decision="z" * 16_000)
    assert report_budget.has_room(edge, small, 0.0)
    after_small = edge.reports_left
    assert report_budget.has_room(edge, large, 0.0)
    assert after_small - edge.reports_left == 1 + 16_000 // 1024


def test_one_transaction_takes_a_bounded_part_of_a_batch(running: RunningHub, tmp_path: Path) -> None:
    edge = running.enrol(running.site("Large batch"), tmp_path / "edge")
    batch = tuple(Report(number, 1.0, "worker-died", ".") for number in range(1, reports.MOST_AT_ONCE + 101))
    answer = edge.post(paths.REPORTS, ReportBatch(batch))
    assert codec.from_json(ReportAcknowledgement, answer.data).stored_through == reports.MOST_AT_ONCE
    answer = edge.post(paths.REPORTS, ReportBatch(batch[reports.MOST_AT_ONCE :], reports.MOST_AT_ONCE))
    assert answer.json == {"stored_through": reports.MOST_AT_ONCE + 100}


def test_one_batch_tells_people_of_a_bounded_number_of_subjects(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Many subjects")
    edge = running.enrol(site, tmp_path / "edge")
    batch = tuple(
        Report(number, 1.0, "file-refused", ".", finding="enumerates", peer=f"10.0.{number // 200}.{number % 200}")
        for number in range(1, 401)
    )
    assert edge.post(paths.REPORTS, ReportBatch(batch)).status == 200
    assert len(alerts(running, site)) == report_intake.MOST_SUBJECTS


def test_reports_of_a_site_beyond_its_quota_go_oldest_first(
    running: RunningHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_budget, "MOST_OF_SITE", 10)
    monkeypatch.setattr(report_budget, "_DELETED_AT_ONCE", 4)
    site = running.site("Quota")
    edge = running.enrol(site, tmp_path / "edge")
    edge.post(paths.REPORTS, ReportBatch(tuple(Report(number, 1.0, "worker-died", ".") for number in range(1, 24))))
    gone: list[int] = []
    while not gone or gone[-1]:
        with running.hub.database.writing() as session:
            gone.append(report_budget.forget(session, running.clock()))
    with running.hub.database.reading() as session:
        kept = [row.seq for row in reports.find(session, site_id=site, phone=None, page=Page(500)).rows]
    assert kept == [*range(23, 13, -1)]
    assert len(gone) > 4, "a bounded number in each transaction"


def test_an_edge_has_one_batch_under_way_and_the_others_wait_for_nobody(
    running: RunningHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rogue = running.enrol(running.site("Parallel"), tmp_path / "rogue")
    honest = running.enrol(running.site("Patient"), tmp_path / "honest")
    batch = ReportBatch((Report(1, 1.0, "worker-died", "x"),))
    is_begun, may_end, take = threading.Event(), threading.Event(), report_intake.take

    def take_slowly(change: Change, edge: EdgeRow, batch: ReportBatch) -> StoredReports:
        if edge.id == rogue.response.edge_id:
            is_begun.set()
            may_end.wait(120)
        return take(change, edge, batch)

    monkeypatch.setattr(report_intake, "take", take_slowly)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(rogue.post, paths.REPORTS, batch)
        assert is_begun.wait(120)
        assert rogue.post(paths.REPORTS, batch).problem.kind == "unavailable"
        may_end.set()
        assert first.result().status == 200
    assert honest.post(paths.REPORTS, batch).status == 200


@pytest.mark.parametrize("odd", ["\x1b[2J", "\x07", "\u202e", "\u2028", "\x00", "\u200b", "\r\n"])
def test_text_that_acts_on_a_terminal_is_cleaned_where_it_enters(running: RunningHub, tmp_path: Path, odd: str) -> None:
    site = running.site(f"Odd {ord(odd[0])}")
    edge = running.enrol(site, tmp_path / "edge")
    wild = Report(1, 1e308, f"kind{odd}", f"said {odd} so", name=f"n{odd}", peer=f"p{odd}", finding=f"f{odd}",
                  level=f"l{odd}", decision=f"d{odd}", owner=f"o{odd}", duration_s=-1e308)  # fmt: skip
    assert edge.post(paths.REPORTS, ReportBatch((wild,))).status == 200
    (kept,) = running.do("GET", f"/reports?site={site}")["items"]
    texts = [value for value in kept.values() if isinstance(value, str)]
    assert all(text.isprintable() for text in texts), texts
    assert kept["at"] <= running.clock() + report_gate._CLOCKS_AHEAD_S
    assert kept["duration_s"] == 0


def test_a_host_name_that_an_edge_gives_itself_is_cleaned(running: RunningHub) -> None:
    token = running.token_for(running.site("Host name"))
    csr = make_request(ec.generate_private_key(ec.SECP256R1()), "edge")
    asked = EnrolRequest(token.secret, csr, "0.1\x1b[2J", "pi\u202e\x1b]0;x\x07")
    answer = running.stranger("POST", paths.ENROL, codec.to_json(asked))
    assert answer.status == 200
    shown = running.do("GET", f"/edges/{answer.json['edge_id']}")
    assert (shown["hostname"], shown["version"]) == ("pi\ufffd\ufffd]0;x\ufffd", "0.1\ufffd[2J")
