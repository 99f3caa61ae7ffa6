"""People and their sessions in the API: who may do what to whom, and what a browser's cookie lets it do."""

import re

import pytest
from fastapi.routing import iter_route_contexts

from ringfence.hub.fleet import passwords, sessions
from ringfence.hub.people.callers import COOKIE
from ringfence.hub.people.forgery import FORM_TOKEN_HEADER
from ringfence.hub.people.rights import Role, is_open
from ringfence.hub.store.people_models import PersonRow, SessionRow
from ringfence.hub.web.app import web_app
from ringfence.secret import Secret
from support.running_hub import Answer, RunningHub
from support.signing_in import CHEAP, person


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "HASHER", CHEAP)


class Browser:
    """Somebody who is signed in, and what their browser sends."""

    def __init__(self, running: RunningHub, row: PersonRow) -> None:
        self.running, self.row = running, row
        with running.hub.change("test") as change:
            self.session, self.secret = sessions.start(change, row, address="192.0.2.1", agent="Test")
        self.origin = running.people_url
        self.form_token = sessions.form_token(self.secret.reveal())

    @property
    def own(self) -> dict[str, str]:
        return {
            "Origin": self.origin, "Sec-Fetch-Site": "same-origin", FORM_TOKEN_HEADER: self.form_token,
        }  # fmt: skip

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        sent = {"Cookie": f"{COOKIE}={self.secret.reveal()}", **headers}
        return self.running.ask(method, path, body, token="", headers=sent)

    def do(self, method: str, path: str, body: object = None) -> Answer:
        return self.ask(method, path, body, **self.own)


_numbers = iter(range(1000))


@pytest.fixture
def anna(running: RunningHub) -> Browser:
    """The owner of the hub."""
    return Browser(running, person(running.hub, f"anna-{next(_numbers)}", is_hubwide=True))


def of_role(running: RunningHub, role: Role) -> Browser:
    return Browser(running, person(running.hub, f"{role}-{next(_numbers)}", role))


def test_a_session_is_a_caller_with_its_persons_rights(running: RunningHub, anna: Browser) -> None:
    told = anna.ask("GET", "/whoami").json
    assert (told["id"], told["name"], told["role"], told["is_hubwide"]) == (anna.row.id, anna.row.name, "owner", True)
    ben = of_role(running, Role.AUDITOR)
    assert ben.ask("GET", "/audit").status == 200
    refused = ben.do("POST", "/sites", {"name": "Ben's"})
    assert (refused.status, refused.json["kind"]) == (403, "scope-exceeded")
    assert "token" not in refused.json["what"]
    assert anna.do("POST", "/sites", {"name": "Anna's"}).status == 201
    newest = running.do("GET", "/audit?limit=1")["items"][0]
    assert (newest["who"], newest["token"], newest["address"]) == (anna.row.name, anna.row.id, "127.0.0.1")


@pytest.mark.parametrize("cookie", ["x", "rfs_wrong", "", "ä", "a" * 4000])
def test_a_cookie_that_is_no_sessions_lets_nobody_in(running: RunningHub, cookie: str) -> None:
    headers = {"Cookie": f"{COOKIE}={cookie}".encode("latin-1").decode("latin-1")}
    assert running.ask("GET", "/whoami", token="", headers=headers).status == 401


def test_a_session_that_was_ended_lets_nobody_in(running: RunningHub, anna: Browser) -> None:
    ben = of_role(running, Role.OPERATOR)
    (row,) = anna.ask("GET", f"/sessions?person={ben.row.name}").json["items"]
    assert (row["id"], row["person"], row["is_current"], row["agent"]) == (ben.session.id, ben.row.id, False, "Test")
    assert anna.do("DELETE", f"/sessions/{row['id']}").status == 204
    assert ben.ask("GET", "/whoami").status == 401
    assert anna.do("DELETE", f"/sessions/{row['id']}").json["kind"] == "unknown-session"
    others = [Browser(running, ben.row) for _ in range(2)]
    assert anna.do("DELETE", f"/people/{ben.row.id}/sessions").status == 204
    assert {each.ask("GET", "/whoami").status for each in others} == {401}


def test_no_changing_route_takes_a_request_that_another_site_made(running: RunningHub, anna: Browser) -> None:
    """A new route is walked without being listed; nothing but the refusal is ever answered."""
    own = anna.own
    forged: list[dict[str, str]] = [
        {},
        {**own, "Origin": "https://evil.example"},
        {**own, "Origin": anna.origin.replace("https", "http")},
        {**own, "Origin": "null", "Sec-Fetch-Site": "none"},
        {**own, "Sec-Fetch-Site": "cross-site"},
        {**own, "Sec-Fetch-Site": "same-site"},
        {**own, FORM_TOKEN_HEADER: ""},
        {**own, FORM_TOKEN_HEADER: anna.form_token[:-1]},
        {**own, FORM_TOKEN_HEADER: sessions.form_token("another session's")},
        {name: text for name, text in own.items() if name not in {"Origin", "Sec-Fetch-Site"}},
    ]
    walked = 0
    for context in iter_route_contexts(web_app(running.hub).routes):
        path = re.sub(r"\{[^}]*\}", "1", context.path or "")
        for method in sorted((context.methods or set()) - {"GET", "HEAD"}):
            if not is_open(path):
                for headers in forged:
                    answer = running.at(method, path, {"Cookie": f"{COOKIE}={anna.secret.reveal()}", **headers})
                    assert (answer.status, answer.json["kind"]) == (403, "forged-request"), (method, path, headers)
                walked += 1
    assert walked > 50


def test_a_page_of_the_hub_may_change_things(anna: Browser) -> None:
    own = anna.own
    ways = [
        own,
        {**own, "Origin": "null"},
        {name: text for name, text in own.items() if name != "Origin"},
        {name: text for name, text in own.items() if name != "Sec-Fetch-Site"},
        {**own, "Sec-Fetch-Site": "none"},
    ]
    for number, headers in enumerate(ways):
        site = {"name": f"Way {next(_numbers)}"}
        assert anna.ask("POST", "/sites", site, **headers).status == 201, number


def test_a_program_needs_no_page(running: RunningHub) -> None:
    headers = {"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"}
    assert running.ask("POST", "/sites", {"name": f"Program {next(_numbers)}"}, headers=headers).status == 201


def test_secrets_are_shown_for_some_minutes_after_a_sign_in(running: RunningHub, anna: Browser) -> None:
    mac = "00:1B:54:C2:AB:01"
    site = running.site(f"Secrets {next(_numbers)}")
    running.phone(site, mac)
    path = f"/phones/{mac}/lines/1/password/reveal"
    assert anna.do("POST", path).status == 200
    with running.clock.forward(sessions.CONFIRMED_FOR_S + 1):
        refused = anna.do("POST", path)
        assert (refused.status, refused.json["kind"]) == (403, "confirmation-needed")
        assert "/account/confirm" in refused.json["to_do"]
        assert anna.ask("GET", f"/phones/{mac}").status == 200
        assert running.ask("POST", path).status == 200, "a program proves with each request who it is"


def test_a_link_leads_to_where_people_find_the_hub_whatever_it_was_called(
    running: RunningHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running.hub.config, "people_url", "https://hub.example.org/")
    headers = {"Host": "evil.example.net", "Authorization": f"Bearer {running.token.reveal()}"}
    headers["Content-Type"] = "application/json"
    made = running.at("POST", "/api/v1/people", headers, b'{"name": "linked@example.org", "role": "read"}')
    assert made.json["link"].startswith("https://hub.example.org/sign-in/link?code=")


def test_somebody_is_invited_changed_and_removed(running: RunningHub, anna: Browser) -> None:
    made = anna.do("POST", "/people", {"name": "carla@example.org", "display_name": "Carla", "role": "operator"}).json
    assert re.fullmatch(re.escape(running.people_url) + r"/sign-in/link\?code=[\w-]{32}", made["link"])
    assert (made["has_password"], made["is_hubwide"], made["created_by"]) == (False, True, anna.row.name)
    path = f"/people/{made['id']}"
    shown = anna.ask("GET", "/people/CARLA@example.org").json
    assert shown == {**{name: value for name, value in made.items() if not name.startswith("link")}, "tokens": []}
    assert made["link"] not in str(anna.ask("GET", "/people").json)
    assert anna.do("POST", "/people", {"name": "Carla@example.org", "role": "read"}).json["kind"] == "person-taken"
    changed = anna.do("PATCH", path, {"name": "carla", "role": "support", "disabled": True}).json
    assert (changed["name"], changed["display_name"], changed["role"]) == ("carla", "Carla", "support")
    assert changed["disabled_at"] is not None
    assert anna.do("PATCH", path, {"disabled": False}).json["disabled_at"] is None
    assert anna.do("PATCH", path, {"second_step": True}).json["kind"] == "second-step-refused"
    assert anna.do("PATCH", path, {"second_step": False}).status == 200
    again = anna.do("POST", f"{path}/invitation").json["link"]
    assert again != made["link"]
    assert anna.do("DELETE", path).status == 204
    assert anna.ask("GET", path).json["kind"] == "unknown-person"
    actions = {row["action"] for row in running.do("GET", "/audit?limit=20")["items"]}
    assert {"person.add", "person.role", "person.rename", "person.disable", "person.enable", "person.remove"} <= actions
    codes = [made["link"].partition("code=")[2], again.partition("code=")[2]]
    assert not any(code in str(running.do("GET", "/audit?limit=50")) for code in codes)


def test_nobody_gives_or_takes_more_than_they_have(running: RunningHub, anna: Browser) -> None:
    ben, carla = of_role(running, Role.ADMINISTRATOR), of_role(running, Role.OPERATOR)
    refusals = [
        ben.do("POST", "/people", {"name": "x", "role": "owner"}),
        ben.do("PATCH", f"/people/{ben.row.id}", {"role": "owner"}),
        ben.do("PATCH", f"/people/{ben.row.id}", {"disabled": True, "role": "owner"}),
        carla.do("POST", "/people", {"name": "x", "role": "read"}),
        carla.do("PATCH", f"/people/{carla.row.id}", {"role": "administrator"}),
        carla.ask("GET", "/people"),
    ]
    owner = of_role(running, Role.OWNER)
    for method, path, body in (
        ("PATCH", "", {"role": "read"}), ("PATCH", "", {"second_step": False}), ("DELETE", "", None),
        ("POST", "/invitation", None), ("DELETE", "/sessions", None),
    ):  # fmt: skip
        refusals.append(ben.do(method, f"/people/{owner.row.id}{path}", body))
    refusals.append(ben.do("DELETE", f"/sessions/{owner.session.id}"))
    assert {(each.status, each.json["kind"]) for each in refusals} == {(403, "scope-exceeded")}
    assert ben.do("PATCH", f"/people/{carla.row.id}", {"role": "support"}).status == 200
    assert carla.ask("GET", "/whoami").status == 401, "another role takes another sign-in"
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/invitation"), ("DELETE", "/sessions")):
        body = {"role": "read"} if method == "PATCH" else None
        assert owner.do(method, f"/people/{anna.row.id}{path}", body).json["kind"] == "unknown-person", (method, path)
    assert owner.do("DELETE", f"/sessions/{anna.session.id}").json["kind"] == "unknown-session"
    listed = owner.ask("GET", "/people").json["items"], owner.ask("GET", "/sessions").json["items"]
    assert anna.row.id not in str(listed)
    assert anna.ask("GET", "/people").json["items"] != listed[0]


def test_who_runs_the_hub_names_an_organisation(running: RunningHub, anna: Browser) -> None:
    running.do("POST", "/organisations", {"id": "org-of-people", "name": "Other"})
    other = {"Ringfence-Organisation": "org-of-people"}
    made = anna.ask("POST", "/people", {"name": "dora", "role": "owner"}, **anna.own, **other).json
    assert made["is_hubwide"] is False
    assert [row["name"] for row in anna.ask("GET", "/people", **other).json["items"]] == ["dora"]
    ben = of_role(running, Role.OWNER)
    assert ben.ask("GET", "/people", **other).json["kind"] == "unknown-organisation"


def test_lists_come_in_pages(running: RunningHub, anna: Browser) -> None:
    for _ in range(3):
        of_role(running, Role.READ)
    for noun in ("people", "sessions"):
        first = anna.ask("GET", f"/{noun}?limit=2").json
        rest = anna.ask("GET", f"/{noun}?limit=2&cursor={first['next']}").json
        assert len(first["items"]) == 2
        assert not {row["id"] for row in first["items"]} & {row["id"] for row in rest["items"]}


def test_a_sessions_secret_is_nowhere_in_the_database(running: RunningHub, anna: Browser) -> None:
    with running.hub.database.reading() as session:
        row = session.get_one(SessionRow, anna.session.id)
        assert anna.secret.reveal() not in str(vars(row))
    assert Secret(anna.form_token) != anna.secret
