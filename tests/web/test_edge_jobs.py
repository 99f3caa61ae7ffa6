"""Pages of jobs, without JavaScript: asking, what is refused, and what a hostile edge says."""

import itertools
import re
from pathlib import Path

import pytest

from ringfence.hub.fleet import edge_jobs, sessions
from ringfence.hub.people.callers import COOKIE
from ringfence.wire import paths
from ringfence.wire.job_messages import JobNews
from support.browsing import PlainBrowser
from support.running_hub import EdgeInHand, RunningHub
from support.signing_in import person

HOSTILE = "<script>alert(1)</script> \x1b[2J \N{RIGHT-TO-LEFT OVERRIDE} {{ 7*7 }}"
_numbers = itertools.count(1)


def signed_in(running: RunningHub, role: str) -> PlainBrowser:
    row = person(running.hub, f"somebody{next(_numbers)}@example.org", role)
    with running.hub.change("test") as change:
        _row, secret = sessions.start(change, row, address="192.0.2.1", agent="x")
    return PlainBrowser(running, cookies={COOKIE: secret.reveal()})


@pytest.fixture
def edge(running: RunningHub, tmp_path: Path) -> EdgeInHand:
    return running.enrol(running.site(f"Pages of jobs {next(_numbers)}"), tmp_path / "edge")


def test_a_job_is_asked_for_and_followed_on_pages(running: RunningHub, edge: EdgeInHand) -> None:
    anna, edge_id = signed_in(running, "operator"), edge.response.edge_id
    assert f"/edge-jobs/-/new?edge={edge_id}" in anna.get(f"/edges/{edge_id}").data.decode()
    form = f"/edge-jobs/-/new?edge={edge_id}"
    refused = anna.submit(form, "/edge-jobs/status", why="to see")
    assert refused.status == 409
    assert "is not connected" in refused.data.decode()
    assert 'value="to see"' in refused.data.decode()
    asked = anna.submit(form, "/edge-jobs/status", why="to see", wait_minutes="60")
    shown = anna.follow(asked)
    assert "It waits for its edge" in shown.data.decode()
    job = asked.headers["Location"].partition("?")[0].rpartition("/")[2]
    for part, state in enumerate(("running", "running", "done")):
        edge.post(paths.JOBS, JobNews(job, "a", part, state, text=HOSTILE, sentence=HOSTILE))
    for path in (f"/edge-jobs/{job}", "/edge-jobs", f"/edge-jobs?edge={edge_id}", f"/edges/{edge_id}"):
        page = anna.get(path).data.decode()
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)" in page
        assert "\x1b" not in page
        assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in page
        assert "{{ 7*7 }}" in page


def test_each_sees_what_they_may_ask_for(running: RunningHub, edge: EdgeInHand) -> None:
    form = f"/edge-jobs/-/new?edge={edge.response.edge_id}"
    for role, seen in {"support": 0, "operator": 1, "owner": 2}.items():
        page = signed_in(running, role).get(form).data.decode()
        shown = [kind in page for kind in ("/edge-jobs/restart", "/edge-jobs/reboot", "capture-with-secrets")]
        assert shown == [seen > 0, seen > 1, seen > 1]
        assert "/edge-jobs/diagnose" in page
    assert signed_in(running, "auditor").get(form).status == 403


def test_a_number_that_is_none_is_refused_with_all_that_was_typed(running: RunningHub, edge: EdgeInHand) -> None:
    anna = signed_in(running, "operator")
    fields = {"edge": edge.response.edge_id, "why": "no audio", "wait_minutes": "60", "seconds": "many"}
    page = anna.get(f"/edge-jobs/-/new?edge={edge.response.edge_id}")
    refused = anna.submit(page, "/edge-jobs/status", **fields)
    assert refused.status == 303, "a status needs no seconds"
    token = _hidden(page.data.decode())
    refused = anna.post("/edge-jobs/capture", {**token, **fields, "mib": "4"})
    assert refused.status == 422
    assert "this takes a number" in refused.data.decode().lower()
    assert 'value="no audio"' in refused.data.decode()
    assert anna.post("/edge-jobs/shell", {**token, **fields}).status == 404


def test_what_waits_is_approved_and_cancelled_on_its_page(running: RunningHub, edge: EdgeInHand) -> None:
    running.do("PUT", "/edge-jobs/approval", {"needed": "fresh-sign-in"})
    body = {"edge": edge.response.edge_id, "why": "it hangs", "wait_s": 3600}
    job = running.do("POST", "/edge-jobs/restart", body)["id"]
    running.do("PUT", "/edge-jobs/approval", {"needed": "none"})
    assert b"Approve it" not in signed_in(running, "support").get(f"/edge-jobs/{job}").data
    anna = signed_in(running, "operator")
    with running.clock.forward(sessions.CONFIRMED_FOR_S + 1):
        assert anna.submit(f"/edge-jobs/{job}", f"/edge-jobs/{job}/approve").status == 403
    shown = anna.follow(anna.submit(f"/edge-jobs/{job}", f"/edge-jobs/{job}/approve"))
    assert b"Approved: its edge gets it now." in shown.data
    shown = anna.follow(anna.submit(shown, f"/edge-jobs/{job}/cancel"))
    assert b"cancelled" in shown.data
    assert b"Cancel it" not in shown.data
    with running.hub.database.reading() as session:
        assert edge_jobs.get(session, job).approved_by


def test_a_capture_is_downloaded_from_its_page(running: RunningHub, edge: EdgeInHand) -> None:
    anna = signed_in(running, "operator")
    body = {"edge": edge.response.edge_id, "why": "no audio", "wait_s": 3600}
    job = running.do("POST", "/edge-jobs/capture", body)["id"]
    for part, (state, data) in enumerate((("running", b""), ("running", b"\0frames"), ("done", b""))):
        edge.post(paths.JOBS, JobNews(job, "a", part, state, data=data))
    path = f"/api/v1/edge-jobs/{job}/capture"
    assert f'href="{path}"' in anna.get(f"/edge-jobs/{job}").data.decode()
    assert anna.get(path).data == b"\0frames"
    assert path not in signed_in(running, "support").get(f"/edge-jobs/{job}").data.decode()


def _hidden(page: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))
