"""Phones' own pages at the hub: who may open one, whose session it is, what is believed of its edge, what is kept."""

import base64
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringfence.hub.process import tidying
from ringfence.hub.store.edge_job_models import EdgeJobRow
from ringfence.hub.store.phone_web_models import PhoneWebExchangeRow
from ringfence.wire.job_messages import JobNews
from ringfence.wire.phone_web_messages import (
    LARGEST_SESSION_BYTES,
    MOST_REQUESTS,
    MOST_WAITING,
    PhoneWebAnswer,
    PhoneWebNews,
)
from support.edge_with_phone import EdgeWithPhone
from support.running_hub import Answer, Json, RunningHub

_numbers = itertools.count(1)
WAITS = 3600


def _token(running: RunningHub, role: str) -> str:
    return str(running.do("POST", "/api-tokens", {"name": f"{role} {next(_numbers)}", "role": role})["token"])


class Opened:
    """A site with a phone and an edge, and a session that its edge has begun."""

    def __init__(self, running: RunningHub, folder: Path) -> None:
        number = next(_numbers)
        self.running, self.mac = running, f"00:1B:54:C4:00:{number:02X}"
        self.site = running.site(f"Phone page {number}")
        running.phone(self.site, self.mac)
        running.do("PUT", f"/settings/sites/{self.site}/web_access", {"value": "read-only"})
        self.edge = EdgeWithPhone(running.enrol(self.site, folder), 1)

    def ask_to_open(self, kind: str = "phone-web", **said: object) -> Answer:
        body = {"phone": self.mac, "why": "the clock is wrong", "wait_s": WAITS, **said}
        return self.running.ask("POST", f"/edge-jobs/{kind}", body)

    def open(self, kind: str = "phone-web", **said: object) -> str:
        """Open a session and have its edge begin."""
        answer = self.ask_to_open(kind, **said)
        assert answer.status == 201, answer.json
        number = str(answer.json["id"])
        assert self.edge.tell(JobNews(number, "a1", 0, "running")).goes_on
        return number

    def ask(self, job: str, method: str = "GET", target: str = "/", **said: object) -> Answer:
        return self.running.ask("POST", f"/edge-jobs/{job}/phone-web", {"method": method, "target": target, **said})

    def take(self, job: str, number: int) -> Answer:
        return self.running.ask("POST", f"/edge-jobs/{job}/phone-web/{number}")

    def show(self, job: str) -> Json:
        return self.running.do("GET", f"/edge-jobs/{job}")

    def rows(self, job: str) -> int:
        with self.running.hub.database.reading() as session:
            return session.query(PhoneWebExchangeRow).filter_by(job_id=job).count()


@pytest.fixture
def opened(running: RunningHub, tmp_path: Path) -> Iterator[Opened]:
    yield Opened(running, tmp_path / "edge")
    running.do("PUT", "/edge-jobs/approval", {"needed": "none"})


def test_a_request_goes_to_the_edge_and_its_answer_comes_back_once(opened: Opened) -> None:
    job = opened.open()
    assert opened.ask(job, target="/status?a=1", headers=[["Accept", "text/html"]]).json == {"number": 1}
    assert opened.take(job, 1).json["answered"] is False
    (asked,) = opened.edge.exchange(PhoneWebNews(job, "a1")).requests
    assert (asked.number, asked.method, asked.target, asked.headers) == (
        1, "GET", "/status?a=1", (("accept", "text/html"),),
    )  # fmt: skip
    assert opened.edge.exchange(PhoneWebNews(job, "a1")).requests == (), "it is given out once"
    answer = PhoneWebAnswer(1, 200, (("content-type", "text/html"),), b"<p>12:00</p>")
    assert opened.edge.exchange(PhoneWebNews(job, "a1", answer)).goes_on
    with opened.running.hub.database.reading() as session:
        assert all(b"12:00" not in (row.sealed_answer or b"") for row in session.query(PhoneWebExchangeRow))
    said = opened.take(job, 1).json
    assert (said["answered"], said["status"], base64.b64decode(said["body"])) == (True, 200, b"<p>12:00</p>")
    assert opened.take(job, 1).status == 404
    assert opened.rows(job) == 0
    assert opened.show(job)["requests"] == 1
    assert opened.show(job)["phone"] == opened.mac


def test_who_opened_it_and_why_and_how_much_was_asked_is_in_the_audit_log(opened: Opened) -> None:
    job = opened.open("phone-web-changes")
    opened.ask(job, "POST", "/save?secret=1", body=base64.b64encode(b"a=1").decode())
    opened.running.do("POST", f"/edge-jobs/{job}/cancel")
    told = {row["action"]: row["detail"] for row in opened.running.do("GET", "/audit?limit=20")["items"][::-1]}
    assert f"of phone {opened.mac}, with changes" in told["edge-job.start"]
    assert "the clock is wrong" in told["edge-job.start"]
    assert told["edge-job.phone-web"] == f"POST /save at phone {opened.mac}", "no query, which may hold a secret"
    assert "1 request" in told["edge-job.cancel"]
    assert opened.rows(job) == 0
    assert opened.ask(job).json["kind"] == "nothing-to-end"
    assert not opened.edge.exchange(PhoneWebNews(job, "a1")).goes_on


def test_a_session_is_its_openers_alone(opened: Opened) -> None:
    job = opened.open()
    number = opened.ask(job).json["number"]
    other = _token(opened.running, "operator")
    for path, body in ((f"/edge-jobs/{job}/phone-web", {"method": "GET", "target": "/"}),
                       (f"/edge-jobs/{job}/phone-web/{number}", None)):  # fmt: skip
        refused = opened.running.ask("POST", path, body, token=other)
        assert (refused.status, "opens no phone's page for you" in refused.json["what"]) == (403, True)


def test_another_edge_gets_nothing_of_it(opened: Opened, tmp_path: Path) -> None:
    job = opened.open()
    opened.ask(job)
    thief = Opened(opened.running, tmp_path / "other")
    assert not thief.edge.exchange(PhoneWebNews(job, "a1")).goes_on
    assert not opened.edge.exchange(PhoneWebNews(job, "another attempt")).goes_on
    assert not opened.edge.exchange(PhoneWebNews("job-no-such", "a1")).goes_on
    assert len(opened.edge.exchange(PhoneWebNews(job, "a1")).requests) == 1


def test_what_an_edge_tells_is_believed_within_bounds(opened: Opened) -> None:
    job = opened.open()
    opened.ask(job)
    assert opened.edge.exchange(PhoneWebNews(job, "a1", PhoneWebAnswer(1, 200))).goes_on, "nobody gave it that"
    assert opened.take(job, 1).json["answered"] is False
    bad = PhoneWebAnswer(1, 200, (("set-cookie", "a\r\nX: y"),))
    assert opened.edge.exchange(PhoneWebNews(job, "a1", bad)).goes_on
    assert opened.take(job, 1).json["problem"] == "the edge told what is no answer of a phone"
    with opened.running.hub.change("test") as change:
        change.session.get_one(EdgeJobRow, job).web_bytes = LARGEST_SESSION_BYTES
    opened.ask(job)
    opened.edge.exchange(PhoneWebNews(job, "a1"))
    assert not opened.edge.exchange(PhoneWebNews(job, "a1", PhoneWebAnswer(2, 200, (), b"x"))).goes_on
    assert (opened.show(job)["state"], opened.rows(job)) == ("failed", 0)


@pytest.mark.parametrize(
    ("method", "target", "said"),
    [
        ("POST", "/", {}), ("GET", "http://192.0.2.1/", {}), ("GET", "//evil/", {}), ("GET", "/\r\nHost: evil", {}),
        ("GET", "/reboot", {}), ("GET", "/", {"headers": [["host", "evil"]]}), ("GET", "/", {"body": "?"}),
    ],
)  # fmt: skip
def test_what_no_session_may_ask_is_refused_at_the_hub(
    opened: Opened, method: str, target: str, said: dict[str, object]
) -> None:
    job = opened.open()
    assert opened.ask(job, method, target, **said).status == 422
    assert opened.rows(job) == 0


def test_requests_are_bounded_in_number(opened: Opened) -> None:
    job = opened.open()
    for _ in range(MOST_WAITING):
        assert opened.ask(job).status == 201
    assert opened.ask(job).json["kind"] == "limit-reached"
    with opened.running.hub.change("test") as change:
        change.session.query(PhoneWebExchangeRow).filter_by(job_id=job).delete()
        change.session.get_one(EdgeJobRow, job).web_requests = MOST_REQUESTS
    assert opened.ask(job).json["kind"] == "limit-reached"


def test_a_session_ends_by_its_time(opened: Opened) -> None:
    job = opened.open(seconds=60)
    opened.ask(job)
    with opened.running.clock.forward(61):
        assert "is not open" in opened.ask(job).json["what"]
        assert opened.edge.exchange(PhoneWebNews(job, "a1")).requests == ()
        assert opened.edge.tell(JobNews(job, "a1", 1, "done", "1 request went to it.")).goes_on
        assert (opened.show(job)["state"], opened.rows(job)) == ("done", 0)
    other = opened.open()
    opened.ask(other)
    with opened.running.clock.forward(3 * 3600), opened.running.hub.database.writing() as session:
        tidying.forget(session, opened.running.clock())
    assert opened.rows(other) == 0


def test_what_can_not_be_opened_is_said_before_anything_is_asked(opened: Opened, tmp_path: Path) -> None:
    elsewhere = Opened(opened.running, tmp_path / "other")
    wrong = opened.ask_to_open(edge=elsewhere.edge.id)
    assert (wrong.status, f"is at site {opened.site}" in wrong.json["what"]) == (422, True)
    assert opened.ask_to_open(phone="00:1B:54:C4:FF:FF").status == 404
    assert opened.ask_to_open(phone="no address").status == 422
    assert opened.ask_to_open(why=" ").status == 422
    assert opened.ask_to_open(seconds=59).status == 422
    assert opened.ask_to_open(seconds=3601).status == 422
    assert opened.ask_to_open(wait_s=0).json["kind"] == "edge-away"
    opened.running.do("PUT", f"/settings/sites/{opened.site}/web_access", {"value": "off"})
    off = opened.ask_to_open()
    assert "web_access is off (site)" in off.json["what"]
    assert "ringfence set phone" in off.json["to_do"]
    assert opened.ask(opened.running.do("POST", "/edge-jobs/status", {"edge": opened.edge.id, "wait_s": 60})["id"]
                      ).status == 403  # fmt: skip


def test_changes_need_more_than_reading(opened: Opened) -> None:
    operator, support = (_token(opened.running, role) for role in ("operator", "support"))
    running = opened.running
    body = {"phone": opened.mac, "why": "a test", "wait_s": WAITS}
    assert running.ask("POST", "/edge-jobs/phone-web", body, token=operator).status == 201
    assert running.ask("POST", "/edge-jobs/phone-web-changes", body, token=operator).status == 403
    assert running.ask("POST", "/edge-jobs/phone-web", body, token=support).status == 403
    opened.running.do("PUT", "/edge-jobs/approval", {"needed": "second-person"})
    assert opened.ask_to_open().json["state"] == "waiting"
