"""What the people's API answers to bodies, numbers and methods that nothing behind it could hold."""

import pytest

from ringfence.hub.people import bodies, refused_sign_ins
from ringfence.wire import paths
from support.running_hub import RunningHub

BIG = 2**63


@pytest.fixture
def site(running: RunningHub, request: pytest.FixtureRequest) -> str:
    return running.site(request.node.name[:60])


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b'{"value": NaN}', "NaN is no number"),
        (b'{"value": -Infinity}', "-Infinity is no number"),
        (b'{"value": 1e999}', "a number is too large"),
        (b'{"value": 9223372036854775808}', "more than 63 bits"),
        (b'{"value": [{"deep": -9223372036854775809}]}', "more than 63 bits"),
        (b'{"value": "\\ud800"}', "half of a surrogate pair"),
        (b'{"\\udfff": 1}', "half of a surrogate pair"),
        (b"[" * 60 + b"]" * 60, "nested more than 50 deep"),
        (b"[" * 200_000, "not JSON"),
        (b'{"a":' * 40_000, "not JSON"),
        (b"1" * 5000, "not JSON"),
        (b"\xff\xfe", "not JSON"),
    ],
    ids=range(12),
)
def test_a_body_that_can_not_be_held_is_one_clear_refusal(running: RunningHub, body: bytes, what: str) -> None:
    for method, path in (("POST", "/sites"), ("PUT", "/settings/organisation/sip_port"), ("POST", "/publish")):
        answer = running.raw(method, "/api/v1" + path, body)
        assert answer.status == 422, answer.data
        assert what in answer.json["what"]
        assert answer.headers["Connection"] == "close"


def test_a_body_that_is_too_long_is_not_read(running: RunningHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "LARGEST_BYTES", 1000)
    answer = running.raw("POST", "/api/v1/sites", b'{"name": "' + b"x" * 2000 + b'"}')
    assert (answer.status, answer.json["kind"]) == (422, "body-refused")
    assert bodies.most_bytes("/api/v1/sites") < bodies.most_bytes("/api/v1/templates/x") < 4 << 20
    assert bodies.most_bytes("/api/v1/phones/bulk") == 8 << 20


def test_a_name_in_a_path_is_no_way_around_the_bounds_of_bodies(
    running: RunningHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what is below /api/v1/uploads/ goes to the disk as it comes."""
    monkeypatch.setattr(bodies, "LARGEST_BYTES", 1000)
    for path in ("/settings/sites/uploads/sip_port", "/phones/uploads/reload", "/settings/uploads/x/y"):
        answer = running.raw("PUT", "/api/v1" + path, b'{"value": "' + b"x" * 2000 + b'"}')
        assert (answer.status, answer.json["kind"]) == (422, "body-refused"), path


@pytest.mark.parametrize("number", [BIG, 10**30])
def test_a_number_in_a_path_that_no_database_holds_is_refused(running: RunningHub, site: str, number: int) -> None:
    for method, path in (
        ("GET", f"/sites/{site}/releases/{number}"),
        ("GET", f"/sites/{site}/releases/1/diff?against={number}"),
        ("POST", f"/guard/alerts/{number}/close"),
        ("GET", f"/reports?limit={number}"),
    ):
        assert running.ask(method, path).status in {404, 422}, path


@pytest.mark.parametrize("odd", ["off", "true", 0, 1, None])
def test_a_boolean_is_true_or_false(running: RunningHub, odd: object) -> None:
    answer = running.ask("POST", "/publish", {"dry_run": odd})
    assert (answer.status, answer.json["where"]) == (422, "body.dry_run")


def test_a_method_that_a_path_does_not_allow_is_answered_with_those_that_it_does(running: RunningHub) -> None:
    answer = running.ask("DELETE", "/sites")
    assert answer.status == 405
    assert "GET" in answer.headers["Allow"]
    assert running.raw("POST", "/healthz").headers["Allow"] == "GET"
    answer = running.stranger("POST", paths.AUTHORITY)
    assert answer.status == 405
    assert "GET" in answer.headers["Allow"]


def test_no_answer_is_to_be_kept_by_anybody(running: RunningHub) -> None:
    for path in ("/sites", "/whoami", "/nothing", "/api-tokens"):
        assert running.ask("GET", path).headers["Cache-Control"] == "no-store"
    assert running.ask("GET", "/sites", token="").headers["Cache-Control"] == "no-store"


def test_the_description_is_for_people_who_are_signed_in(running: RunningHub) -> None:
    assert running.raw("GET", "/openapi.json").status == 200
    stranger = running._people.request("GET", "/openapi.json")
    assert stranger.status == 401


def test_a_revoked_token_is_told_nothing_of_itself(running: RunningHub) -> None:
    made = running.do("POST", "/api-tokens", {"name": "the accountant"})
    running.ask("DELETE", f"/api-tokens/{made['id']}")
    answer = running.ask("GET", "/sites", token=made["token"])
    assert answer.status == 401
    assert b"accountant" not in answer.data


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Refusals that were slowed down, which takes no time here."""
    slowed: list[str] = []

    async def slow_down() -> None:
        slowed.append("slowed")

    monkeypatch.setattr(refused_sign_ins, "slow_down", slow_down)
    return slowed


def test_a_burst_of_refused_sign_ins_is_one_row_and_becomes_slow(running: RunningHub, quick: list[str]) -> None:
    def rows() -> int:
        items = running.do("GET", "/audit?limit=500")["items"]
        return sum(row["action"] == "sign-in.refused" for row in items)

    running.ask("GET", "/sites", token="rft_wrong")
    before = rows()
    assert before >= 1
    for _ in range(refused_sign_ins.FREE + 5):
        assert running.ask("GET", "/sites", token="rft_wrong").status == 401
    assert rows() == before, "one row for a burst"
    assert quick
    assert running.ask("GET", "/sites").status == 200, "who signs in is not slowed"


@pytest.mark.parametrize("path", ["/sites", "/nothing", "/phones/none", "/overview%0A", "/sites/-"])
@pytest.mark.parametrize("token", [None, "", "rft_none"])
def test_every_answer_tells_browsers_to_run_frame_and_guess_nothing(
    running: RunningHub, path: str, token: str | None
) -> None:
    headers = running.ask("GET", path, token=token).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_no_answer_leads_to_the_host_that_a_request_names(running: RunningHub) -> None:
    headers = {"Authorization": f"Bearer {running.token.reveal()}", "Host": "evil.example"}
    for path in ("/api/v1/sites/", "/api/v1/sign-in/", "/authority.pem/", "/metrics/"):
        answer = running.at("GET", path, headers)
        assert answer.status == 404, path
        assert "evil" not in str(answer.headers)
