"""Alerts about jobs: one waits for somebody, and one that an edge's owner does not allow."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.test_edge_jobs import HOUR, Asked, SignedIn
from ringfence.hub.fleet import edge_job_alerts
from support.running_hub import RunningHub

_numbers = itertools.count(1)


@pytest.fixture
def asked(running: RunningHub, tmp_path: Path) -> Iterator[Asked]:
    site = running.site(f"Told job {next(_numbers)}")
    yield Asked(running, running.enrol(site, tmp_path / "edge"))
    running.do("PUT", "/edge-jobs/approval", {"needed": "none"})


def told(asked: Asked) -> dict[tuple[str, str], str]:
    """The open alerts about jobs, by kind and subject."""
    with asked.running.hub.change("test") as change:
        edge_job_alerts.look(change)
    rows = asked.running.do("GET", "/guard/alerts")["items"]
    return {(row["kind"], row["subject"]): row["sentence"] for row in rows if row["kind"].startswith("job-")}


def test_a_job_that_waits_for_approval_is_told_of_until_it_does_not(asked: Asked) -> None:
    running = asked.running
    asked.start("restart", why="nobody has to approve it")
    assert told(asked) == {}
    running.do("PUT", "/edge-jobs/approval", {"needed": "fresh-sign-in"})
    approved, cancelled, expired = (asked.start("restart", why=f"it hangs {number}")["id"] for number in range(3))
    found = told(asked)
    assert set(found) == {("job-waiting", job) for job in (approved, cancelled, expired)}
    sentence = found["job-waiting", approved]
    assert f"restart at edge {asked.id}" in sentence
    assert f"it hangs 0. Approve it on its page, or cancel it: ringfence edge jobs cancel {approved}." in sentence
    assert SignedIn(running).ask(f"/edge-jobs/{approved}/approve").status == 200
    running.do("POST", f"/edge-jobs/{cancelled}/cancel")
    assert set(told(asked)) == {("job-waiting", expired)}
    with running.clock.forward(HOUR + 1):
        assert told(asked) == {}


def test_a_job_that_the_machines_owner_does_not_allow_is_told_of_until_somebody_has_looked(asked: Asked) -> None:
    job = asked.start("capture", why="a test", seconds=5, most_bytes=1024)["id"]
    asked.tell(job)
    asked.tell(job, 1, "refused", sentence="jobs.toml says no")
    ((place, sentence),) = told(asked).items()
    assert place == ("job-refused", asked.id)
    assert sentence.startswith(f"Edge {asked.id} refused capture, 5 s, which ")
    assert sentence.endswith("asked for: jobs.toml says no")
    (alert,) = [row["id"] for row in asked.running.do("GET", "/guard/alerts")["items"] if row["kind"] == "job-refused"]
    asked.running.do("POST", f"/guard/alerts/{alert}/close")
    assert told(asked) == {}
