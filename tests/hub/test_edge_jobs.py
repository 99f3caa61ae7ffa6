"""Jobs at the hub: who may ask, what an edge gets, what is believed of what it tells, and what is kept."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringfence.hub.data.directory_blobs import DirectoryBlobs
from ringfence.hub.fleet import edge_job_news, edge_jobs, sessions
from ringfence.hub.people.callers import COOKIE
from ringfence.hub.people.forgery import FORM_TOKEN_HEADER
from ringfence.hub.process import tidying
from ringfence.hub.store.edge_job_models import EdgeJobPartRow, EdgeJobRow
from ringfence.printable import REPLACEMENT
from ringfence.wire import codec, paths
from ringfence.wire.job_messages import LARGEST_TEXT, JobNews, JobNewsAnswer, JobOrders
from ringfence.wire.messages import EdgeHealth, SiteState, StatePart
from support.running_hub import Answer, EdgeInHand, Json, RunningHub
from support.signing_in import person

HOUR = 3600
_numbers = itertools.count(1)


class Asked:
    """An edge, what it is asked, and what it tells."""

    def __init__(self, running: RunningHub, edge: EdgeInHand) -> None:
        self.running, self.edge = running, edge
        self.id = edge.response.edge_id

    def start(self, kind: str = "status", **body: object) -> Json:
        return self.running.do("POST", f"/edge-jobs/{kind}", {"edge": self.id, "wait_s": HOUR, **body})

    def orders(self) -> JobOrders:
        state = codec.from_json(SiteState, self.edge.get(paths.STATE).data)
        return codec.from_json(JobOrders, bytes(state.parts[StatePart.JOBS]))

    def tell(self, number: str, part: int = 0, state: str = "running", attempt: str = "a1", **said: object) -> bool:
        news = JobNews(number, attempt, part, state, **said)  # type: ignore[arg-type] # a mapping's fields
        answer = self.edge.post(paths.JOBS, news)
        assert answer.status == 200, answer.data
        return codec.from_json(JobNewsAnswer, answer.data).goes_on

    def show(self, number: str) -> Json:
        return self.running.do("GET", f"/edge-jobs/{number}")


@pytest.fixture
def asked(running: RunningHub, tmp_path: Path) -> Iterator[Asked]:
    site = running.site(f"Job {next(_numbers)}")
    yield Asked(running, running.enrol(site, tmp_path / "edge"))
    running.do("PUT", "/edge-jobs/approval", {"needed": "none"})


def test_a_job_goes_to_its_edge_and_comes_back_with_what_was_found(asked: Asked) -> None:
    job = asked.start("logs", lines=5, follow_s=0)
    assert job["state"] == "queued"
    (order,) = asked.orders().orders
    assert (order.number, order.kind, order.lines, order.seconds) == (job["id"], "logs", 5, 0)
    assert asked.tell(job["id"])
    assert asked.orders().orders == ()
    assert asked.show(job["id"])["state"] == "running"
    assert asked.tell(job["id"], 1, text="one\n")
    assert asked.tell(job["id"], 1, text="one\n"), "told again, as the answer was lost"
    assert not asked.tell(job["id"], 5, text="later"), "a part is missing"
    assert asked.tell(job["id"], 2, "done", sentence="There.")
    assert asked.tell(job["id"], 2, "done", sentence="There."), "told again"
    shown = asked.show(job["id"])
    assert (shown["state"], shown["result"], shown["sentence"]) == ("done", "one\n", "There.")
    assert not asked.tell(job["id"], 3, text="more")
    assert asked.running.newest_action() == ("edge-job.end", job["id"])


def test_an_order_wakes_its_edge_within_a_moment(asked: Asked) -> None:
    with asked.edge.events() as events:
        assert next(events).kind == "greeting"
        asked.start(wait_s=0)
        assert next(events).kind == "state"


def test_one_taker_alone_goes_on(asked: Asked) -> None:
    job = asked.start()["id"]
    assert asked.tell(job, attempt="a1")
    assert not asked.tell(job, attempt="a2")
    assert asked.tell(job, attempt="a1"), "its answer was lost"


def test_another_edge_tells_nothing_of_it(asked: Asked, tmp_path: Path) -> None:
    job = asked.start()["id"]
    other = Asked(asked.running, asked.running.enrol(asked.edge.response.site_id, tmp_path / "other"))
    assert other.orders().orders == ()
    assert not other.tell(job, 0, "done", sentence="all is well")
    assert asked.show(job)["state"] == "queued"
    answer = asked.running.ask("POST", "/edge-jobs/status", {"edge": asked.edge.response.site_id, "wait_s": 60})
    assert (answer.status, answer.json["kind"]) == (422, "bad-selection"), "a site with two edges"
    assert other.id in answer.json["to_do"]


def test_what_is_for_now_is_refused_while_the_edge_is_away(asked: Asked) -> None:
    answer = asked.running.ask("POST", "/edge-jobs/status", {"edge": asked.id})
    assert (answer.status, answer.json["kind"]) == (409, "edge-away")


def test_a_job_expires_when_its_edge_does_not_come_and_is_lost_when_it_says_nothing_more(asked: Asked) -> None:
    late, lost = asked.start()["id"], asked.start(wait_s=2 * HOUR)["id"]
    with asked.running.clock.forward(HOUR + 1):
        assert asked.show(late)["state"] == "expired"
        assert [order.number for order in asked.orders().orders] == [lost]
        assert not asked.tell(late)
        assert asked.tell(lost)
        with asked.running.clock.forward(edge_jobs.LOST_AFTER_S + 1):
            assert asked.show(lost)["state"] == "lost"
            assert not asked.tell(lost, 1, "done")
            assert asked.running.ask("POST", f"/edge-jobs/{lost}/cancel").status == 404


def test_a_cancelled_job_ends_at_its_edge(asked: Asked) -> None:
    queued, begun = asked.start()["id"], asked.start()["id"]
    assert asked.tell(begun)
    for job in (queued, begun):
        assert asked.running.do("POST", f"/edge-jobs/{job}/cancel")["state"] == "cancelled"
    assert asked.orders().orders == ()
    assert not asked.tell(begun, 1, text="more")
    assert not asked.tell(queued)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("capture", {"seconds": 5}), ("restart", {}), ("reboot", {}), ("restart", {"why": "  "}),
        ("logs", {"lines": 0}), ("logs", {"follow_s": 10_000}), ("capture", {"why": "x", "seconds": 100_000}),
        ("status", {"wait_s": 1e9}), ("status", {"edge": "nobody"}), ("shell", {"why": "x"}),
    ],
)  # fmt: skip
def test_what_is_too_much_or_lacks_a_reason_is_refused(asked: Asked, kind: str, body: Json) -> None:
    answer = asked.running.ask("POST", f"/edge-jobs/{kind}", {"edge": asked.id, "wait_s": HOUR, **body})
    assert answer.status in {404, 405, 422}


def test_an_edge_has_so_many_open_jobs_at_most(asked: Asked) -> None:
    for _ in range(edge_jobs.MOST_OPEN_OF_EDGE):
        asked.start()
    answer = asked.running.ask("POST", "/edge-jobs/status", {"edge": asked.id, "wait_s": HOUR})
    assert (answer.status, answer.json["kind"]) == (409, "limit-reached")
    assert len(asked.orders().orders) == edge_jobs.MOST_OPEN_OF_EDGE


def test_what_the_machines_owner_does_not_allow_is_refused_at_once_and_shown(asked: Asked) -> None:
    asked.edge.post(paths.HEALTH, EdgeHealth(asked.running.clock(), jobs=("status", "\x1b[2J", "logs")))
    assert asked.running.do("GET", f"/edges/{asked.id}")["jobs_allowed"] == ["status", "logs"]
    asked.start("status")
    answer = asked.running.ask("POST", "/edge-jobs/restart", {"edge": asked.id, "why": "x", "wait_s": HOUR})
    assert (answer.status, answer.json["kind"]) == (403, "job-refused-by-edge")
    asked.edge.post(paths.HEALTH, EdgeHealth(asked.running.clock(), jobs_problem="jobs.toml is broken\x07."))
    answer = asked.running.ask("POST", "/edge-jobs/status", {"edge": asked.id, "wait_s": HOUR})
    assert answer.json["what"] == f"jobs.toml is broken{REPLACEMENT}"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.text(st.characters(exclude_categories=["Cs"]), max_size=400),
    data=st.binary(max_size=50),
    state=st.text(max_size=12),
    part=st.integers(0, 3),
)
def test_whatever_an_edge_tells_is_bounded_and_moves_nothing(
    asked: Asked, text: str, data: bytes, state: str, part: int
) -> None:
    job = asked.start()["id"]
    asked.tell(job)
    asked.tell(job, 1, text=text)
    asked.tell(job, part, state, sentence=text, data=data)
    shown = asked.show(job)
    assert all(each.isprintable() for each in shown["sentence"])
    assert all(each.isprintable() for each in shown["result"].replace("\n", ""))
    assert shown["size_bytes"] == 0, "nobody asked for a capture"
    if shown["state"] == "running":
        asked.running.do("POST", f"/edge-jobs/{job}/cancel")


def test_text_ends_where_there_is_no_more_room(asked: Asked) -> None:
    job = asked.start()["id"]
    asked.tell(job)
    for part in range(1, 5):
        assert asked.tell(job, part, text="x" * 99 + "\n" + "y" * 200_000)
    assert len(asked.show(job)["result"]) <= LARGEST_TEXT
    assert asked.edge.post(paths.JOBS, JobNews(job, "a1", 6, "running", text="x" * (3 << 20))).status == 400


def test_a_capture_is_kept_sealed_and_one_with_secrets_is_shown_apart(asked: Asked) -> None:
    plain = asked.start("capture", why="a test", seconds=5, most_bytes=4096)["id"]
    secret = asked.start("capture-with-secrets", why="a test", seconds=5, most_bytes=4096)["id"]
    (first, second) = asked.orders().orders
    assert (first.with_secrets, second.with_secrets) == (False, True)
    for job in (plain, secret):
        asked.tell(job)
        assert asked.tell(job, 1, data=b"\0capture " + job.encode())
        assert asked.tell(job, 2, "done")
    with asked.running.hub.database.reading() as session:
        assert not any(b"capture" in part.sealed_data for part in session.query(EdgeJobPartRow))
    answer = asked.running.ask("GET", f"/edge-jobs/{plain}/capture")
    assert (answer.status, answer.data) == (200, b"\0capture " + plain.encode())
    assert asked.running.ask("GET", f"/edge-jobs/{secret}/capture").status == 404
    assert asked.running.ask("POST", f"/edge-jobs/{plain}/capture-with-secrets").status == 404
    assert asked.running.do("POST", f"/edge-jobs/{secret}/capture-with-secrets")["data"]
    assert asked.running.newest_action() == ("edge-job.reveal", secret)


def test_a_capture_that_is_larger_than_was_asked_for_ends(asked: Asked) -> None:
    job = asked.start("capture", why="a test", seconds=5, most_bytes=1024)["id"]
    asked.tell(job)
    assert asked.tell(job, 1, data=bytes(1000))
    assert not asked.tell(job, 2, data=bytes(1000))
    assert asked.show(job)["state"] == "failed"


def test_a_capture_leaves_the_hub_the_room_that_it_needs(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    job = asked.start("capture", why="a test", seconds=5, most_bytes=4096)["id"]
    asked.tell(job)
    assert asked.tell(job, 1, data=bytes(1000))
    monkeypatch.setattr(DirectoryBlobs, "free_bytes", lambda _self: edge_job_news.LEAST_FREE_BYTES - 1)
    assert not asked.tell(job, 2, data=bytes(1000))
    shown = asked.show(job)
    assert (shown["state"], shown["size_bytes"]) == ("failed", 1000)
    assert shown["sentence"] == "The hub's disk is full, so the capture ended. What came before is kept."


def test_the_oldest_captures_make_room(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    with asked.running.hub.database.writing() as session:
        for row in session.query(EdgeJobRow):
            row.size_bytes = 0
    monkeypatch.setattr(edge_jobs, "CAPTURES_BYTES", 2500)
    jobs = [asked.start("capture", why="a test", seconds=5, most_bytes=1024)["id"] for _ in range(3)]
    for job in jobs:
        asked.tell(job)
        assert asked.tell(job, 1, data=bytes(1000))
        assert asked.tell(job, 2, "done")
    assert [asked.show(job)["size_bytes"] for job in jobs] == [0, 1000, 1000]
    assert asked.running.ask("GET", f"/edge-jobs/{jobs[0]}/capture").status == 404


def test_jobs_are_forgotten_after_a_while(asked: Asked) -> None:
    job = asked.start()["id"]
    asked.tell(job)
    asked.tell(job, 1, "done")
    with asked.running.hub.database.writing() as session:
        assert tidying.forget(session, asked.running.clock()) == 0
    with asked.running.hub.database.writing() as session:
        assert tidying.forget(session, asked.running.clock() + tidying.JOBS_KEPT_FOR_S + 60) > 0
    assert asked.running.ask("GET", f"/edge-jobs/{job}").status == 404


def test_jobs_of_a_revoked_edge_go_nowhere(asked: Asked) -> None:
    asked.start()
    asked.running.do("POST", f"/edges/{asked.id}/revoke", {})
    assert asked.edge.get(paths.STATE).status == 403
    assert asked.running.ask("POST", "/edge-jobs/status", {"edge": asked.id, "wait_s": 60}).status == 422


def _token(running: RunningHub, role: str) -> str:
    return str(running.do("POST", "/api-tokens", {"name": role, "role": role})["token"])


@pytest.mark.parametrize(
    ("role", "may"),
    [
        ("auditor", set()),
        ("read", set()),
        ("support", {"status", "logs", "diagnose"}),
        ("operator", {"status", "logs", "diagnose", "restart", "capture"}),
        ("administrator", {"status", "logs", "diagnose", "restart", "capture"}),
        ("owner", {"status", "logs", "diagnose", "restart", "capture", "reboot", "capture-with-secrets"}),
    ],
)
def test_each_kind_is_for_its_roles(asked: Asked, role: str, may: set[str]) -> None:
    token, body = _token(asked.running, role), {"edge": asked.id, "wait_s": 60, "why": "a test"}
    kinds = ("status", "logs", "diagnose", "restart", "capture", "reboot", "capture-with-secrets")
    given = {kind for kind in kinds if asked.running.ask("POST", f"/edge-jobs/{kind}", body, token=token).status == 201}
    assert given == may


class SignedIn:
    """Somebody who is signed in, in a browser."""

    def __init__(self, running: RunningHub, role: str = "owner") -> None:
        self.running = running
        self.row = person(running.hub, f"person{next(_numbers)}@example.org", role)
        with running.hub.change(self.row.name) as change:
            _row, secret = sessions.start(change, self.row, address="192.0.2.1", agent="x")
        self._headers = {
            "Cookie": f"{COOKIE}={secret.reveal()}", "Origin": "null", "Sec-Fetch-Site": "same-origin",
            FORM_TOKEN_HEADER: sessions.form_token(secret.reveal()),
        }  # fmt: skip

    def ask(self, path: str, body: Json | None = None) -> Answer:
        return self.running.ask("POST", path, body or {}, token="", headers=self._headers)


def test_where_an_organisation_asks_for_a_person_a_token_alone_gets_nowhere(asked: Asked) -> None:
    running = asked.running
    running.do("PUT", "/edge-jobs/approval", {"needed": "fresh-sign-in"})
    assert asked.start("status")["state"] == "queued"
    job = asked.start("restart", why="it hangs")
    assert job["state"] == "waiting"
    assert "restart" not in {order.kind for order in asked.orders().orders}
    assert running.ask("POST", f"/edge-jobs/{job['id']}/approve").status == 403
    anna, ben = SignedIn(running), SignedIn(running, "operator")
    with running.clock.forward(sessions.CONFIRMED_FOR_S + 1):
        for path, body in (
            (f"/edge-jobs/{job['id']}/approve", {}),
            ("/edge-jobs/restart", {"edge": asked.id, "why": "x", "wait_s": HOUR}),
        ):
            refused = anna.ask(path, body)
            assert (refused.status, refused.json["kind"]) == (403, "confirmation-needed")
    reboot = asked.start("reboot", why="it hangs")["id"]
    assert ben.ask(f"/edge-jobs/{reboot}/approve").status == 403, "an operator may not even ask for it"
    assert ben.ask(f"/edge-jobs/{job['id']}/approve").json["state"] == "queued"
    assert ben.ask(f"/edge-jobs/{job['id']}/approve").status == 404, "it is approved"
    assert "restart" in {order.kind for order in asked.orders().orders}
    with running.clock.forward(HOUR + 1):
        assert asked.show(reboot)["state"] == "expired"


def test_a_second_person_is_another_than_the_one_who_asks_and_than_who_made_the_token(asked: Asked) -> None:
    running = asked.running
    running.do("PUT", "/edge-jobs/approval", {"needed": "second-person"})
    anna, ben = SignedIn(running), SignedIn(running)
    body = {"edge": asked.id, "why": "it hangs", "wait_s": HOUR}
    job = anna.ask("/edge-jobs/reboot", body).json["id"]
    own = anna.ask("/api-tokens", {"name": "anna's", "role": "owner"}).json["token"]
    by_token = running.ask("POST", "/edge-jobs/reboot", body, token=own).json["id"]
    for each in (job, by_token):
        refused = anna.ask(f"/edge-jobs/{each}/approve")
        assert (refused.status, refused.json["kind"]) == (403, "approval-missing")
        assert ben.ask(f"/edge-jobs/{each}/approve").json["approved_by"] == ben.row.name
    assert [order.number for order in asked.orders().orders] == [job, by_token]


def test_secrets_and_reboots_ask_for_a_fresh_sign_in_anyway(asked: Asked) -> None:
    anna = SignedIn(asked.running)
    body = {"edge": asked.id, "why": "it hangs", "wait_s": HOUR}
    with asked.running.clock.forward(sessions.CONFIRMED_FOR_S + 1):
        for kind in ("reboot", "capture-with-secrets"):
            assert anna.ask(f"/edge-jobs/{kind}", body).json["kind"] == "confirmation-needed"
        assert anna.ask("/edge-jobs/restart", body).status == 201
