import time
from pathlib import Path

import pytest

from ringfence.cli.support import output
from ringfence.hub.core import open_hub
from ringfence.hub.publishing.publish import publish
from ringfence.wire import paths
from ringfence.wire.messages import Progress, Report, ReportBatch
from support.running_hub import RunningHub

MAC = "00:1B:54:C2:C0:{:02X}"


@pytest.mark.usefixtures("never_looking")
def test_a_stream_begins_with_a_greeting_and_tells_of_each_release(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Stream")
    running.phone(site, MAC.format(1))
    edge = running.enrol(site, tmp_path / "edge")
    with edge.events() as events:
        first = next(events)
        assert (first.kind, first.release) == ("greeting", 0)
        for number in (1, 2):
            running.do("PUT", f"/phones/{MAC.format(1)}/lines/1", {"label": f"Label {number}"})
            running.publish(sites=[site])
            event = next(events)
            assert (event.kind, event.release) == ("release", number)


@pytest.mark.slow
def test_the_hub_says_which_edges_are_connected(running: RunningHub, tmp_path: Path) -> None:
    edge = running.enrol(running.site("Connected"), tmp_path / "edge")
    path = f"/edges/{edge.response.edge_id}"
    assert running.do("GET", path)["connected"] is False
    with edge.events() as events:
        next(events)
        assert running.do("GET", path)["connected"] is True
    deadline = time.monotonic() + 60
    while running.do("GET", path)["connected"]:
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.slow
def test_a_release_that_another_process_made_is_told_too(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Two processes")
    running.phone(site, MAC.format(2))
    edge = running.enrol(site, tmp_path / "edge")
    other = open_hub(running.folder)
    try:
        with edge.events() as events:
            next(events)
            publish(other, "another process", site_ids=[site])
            event = next(events)
            assert (event.kind, event.release) == ("release", 1)
    finally:
        other.close()


@pytest.mark.usefixtures("never_looking")
def test_revoking_ends_an_open_stream_at_once(running: RunningHub, tmp_path: Path) -> None:
    edge = running.enrol(running.site("Mid-stream"), tmp_path / "edge")
    with edge.events() as events:
        next(events)
        running.do("POST", f"/edges/{edge.response.edge_id}/revoke", {"wipe": True})
        told = list(events)
        assert [(event.kind, event.wipe) for event in told] == [("revoked", True)]
    assert edge.get(paths.GREETING).problem.kind == "edge-revoked"


def test_an_edge_that_was_away_when_revoked_is_asked_to_wipe_when_it_comes_back(
    running: RunningHub, tmp_path: Path
) -> None:
    edge = running.enrol(running.site("Away"), tmp_path / "edge")
    running.do("POST", f"/edges/{edge.response.edge_id}/revoke", {"wipe": True})
    with edge.events() as events:
        assert [(event.kind, event.wipe) for event in events] == [("revoked", True)]


def reports(*numbers: int, owner: str = "001B54C2C0AA") -> ReportBatch:
    return ReportBatch(
        tuple(
            Report(seq, 1000.0 + seq, "file-served", f"Served {seq}", "SEP.cnf.xml", owner, "192.168.1.7", 3, 10, 0.1)
            for seq in numbers
        )
    )


def test_reports_are_stored_once_in_order(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Reports")
    edge = running.enrol(site, tmp_path / "edge")
    assert edge.post(paths.REPORTS, reports(1, 2)).json == {"stored_through": 2}
    assert edge.post(paths.REPORTS, reports(1, 2)).json == {"stored_through": 2}, "sent again, the answer was lost"
    assert edge.post(paths.REPORTS, reports(2, 3)).json == {"stored_through": 3}
    assert edge.post(paths.REPORTS, ReportBatch()).json == {"stored_through": 3}
    stored = running.do("GET", f"/reports?site={site}")["items"]
    assert [(item["seq"], item["sentence"]) for item in stored] == [(3, "Served 3"), (2, "Served 2"), (1, "Served 1")]
    assert running.do("GET", "/reports?phone=00:1b:54:c2:c0:aa&limit=1")["items"][0]["edge"] == edge.response.edge_id


def test_a_gap_in_reports_is_refused_with_the_number_that_is_next(running: RunningHub, tmp_path: Path) -> None:
    edge = running.enrol(running.site("Gap"), tmp_path / "edge")
    edge.post(paths.REPORTS, reports(1))
    for batch in (reports(3), reports(2, 4)):
        answer = edge.post(paths.REPORTS, batch)
        assert (answer.status, answer.problem.kind, answer.problem.where) == (409, "out-of-order", "2")
    assert edge.post(paths.REPORTS, reports(2)).json == {"stored_through": 2}


def test_what_the_hub_acknowledged_and_lost_since_does_not_stop_an_edge(running: RunningHub, tmp_path: Path) -> None:
    edge = running.enrol(running.site("From a backup"), tmp_path / "edge")
    edge.post(paths.REPORTS, reports(1))
    after_a_backup = ReportBatch(reports(7, 8).reports, acknowledged_through=6)
    assert edge.post(paths.REPORTS, after_a_backup).json == {"stored_through": 8}
    edges_own_gap = ReportBatch(reports(12).reports, acknowledged_through=8)
    assert edge.post(paths.REPORTS, edges_own_gap).status == 409


def test_the_release_that_an_edge_serves_is_what_it_reported_last(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Serving")
    edge = running.enrol(site, tmp_path / "edge")
    running.phone(site, "00:1B:54:C2:B7:70")
    running.publish(sites=[site])
    edge.post(paths.REPORTS, ReportBatch((Report(1, 1.0, "release-served", "Release 1 is served", release=1),)))
    never = Report(2, 1.0, "release-served", "Release 7 is served", release=7)
    edge.post(paths.REPORTS, ReportBatch((never,), 1))
    shown = running.do("GET", f"/edges/{edge.response.edge_id}")
    assert shown["release"] == 1, "the site never had release 7"
    assert shown["last_seen"] is not None


def test_a_request_beyond_all_bounds_is_refused(running: RunningHub) -> None:
    answer = running.stranger("POST", paths.ENROL, b"x" * (5 * 1024 * 1024))
    assert answer.problem.kind == "bad-request"


def test_how_far_an_edge_is_with_a_release_is_shown_until_it_serves_it(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Slow line")
    running.phone(site, "00:1B:54:C2:B7:71")
    running.publish(sites=[site])
    edge = running.enrol(site, tmp_path / "edge")
    path = f"/edges/{edge.response.edge_id}"
    assert edge.post(paths.PROGRESS, Progress(1, 31_200_000, 104_900_000)).status == 200
    row = running.do("GET", path)
    assert (row["fetched_bytes"], row["fetching_bytes"]) == (31_200_000, 104_900_000)
    assert output.fetched(row) == "31.2 of 104.9 MB, 29 %"
    assert edge.post(paths.PROGRESS, Progress(1, 10**18, 0)).status == 200
    assert output.fetched(running.do("GET", path)) == ""
    edge.post(paths.PROGRESS, Progress(1, 5, 10))
    report = Report(1, time.time(), "release-served", "Release 1 is served.", release=1)
    assert edge.post(paths.REPORTS, ReportBatch((report,))).status == 200
    row = running.do("GET", path)
    assert (row["release"], row["fetched_bytes"], row["fetching_bytes"]) == (1, 0, 0)
