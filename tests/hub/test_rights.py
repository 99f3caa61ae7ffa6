"""Tokens for less than everything: what they may ask for on every route, until when, and what is written down."""

import os
import re
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3
from fastapi.routing import iter_route_contexts

from ringfence.hub.people.rights import OPEN_PATHS, RIGHTS, Right, Role, asked_for, is_open, may
from ringfence.hub.web.app import web_app
from support.running_hub import TIMEOUT, Json, RunningHub

SECRETS = {name: f"Known-{name}-Secret-1" for name in ("line", "setting", "pbx", "template", "channel", "url")}
MAC = "00:1B:54:C2:BB:01"


def routes(running: RunningHub) -> list[tuple[str, str]]:
    """Every route, as method and path with its parameters."""
    return [
        (method, context.path or "")
        for context in iter_route_contexts(web_app(running.hub).routes)
        for method in sorted(context.methods or ())
    ]


def token(running: RunningHub, role: Role, **how: object) -> Json:
    return running.do("POST", "/api-tokens", {"name": f"for {role}", "role": role, **how})


@pytest.fixture
def with_secrets(running: RunningHub) -> Iterator[dict[str, str]]:
    """A hub that holds secrets of every kind; what fills a path's parameters so that it leads to them."""
    site = running.do("POST", "/sites", {"name": "Scopes"})["id"]
    running.do("POST", "/phones", {"mac": MAC, "site": site, "model": "9971"})
    running.do("PUT", f"/phones/{MAC}/lines/1", {"name": "201", "password": SECRETS["line"]})
    for place in ("organisation", f"sites/{site}"):
        running.do("PUT", f"/settings/{place}/ssh_password", {"value": SECRETS["setting"]})
    pbx = {"name": "Scopes", "kind": "asterisk", "realm": "r", "url": "amis://127.0.0.1", "secret": SECRETS["pbx"]}
    running.do("POST", "/pbxes", pbx)
    running.do("PUT", "/templates/generic/{mac}.cfg", {"source": f"x={SECRETS['template']}\n"})
    running.publish(sites=[site])
    yield {
        "mac": MAC,
        "site": site,
        "index": "1",
        "number": "1",
        "family": "generic",
        "name": "{mac}.cfg",
        "pbx": "scopes",
    }
    running.do("DELETE", "/pbxes/scopes")
    running.do("DELETE", "/templates/generic/{mac}.cfg")
    running.do("DELETE", f"/phones/{MAC}")
    running.do("DELETE", "/settings/organisation/ssh_password")
    running.do("DELETE", f"/sites/{site}")


def filled(path: str, values: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)(?::path)?\}", lambda found: values.get(found[1], "1"), path)


def ask(running: RunningHub, method: str, path: str, text: str) -> tuple[int, bytes]:
    context = ssl.create_default_context(cafile=str(running.folder.authority_certificate))
    with urllib3.PoolManager(ssl_context=context, timeout=TIMEOUT, retries=False) as pool:
        url = running.people_url + path
        headers = {"Authorization": f"Bearer {text}"}
        answer = pool.request(method, url, headers=headers, redirect=False, preload_content=False)
        if answer.headers.get("Content-Type", "").startswith("text/event-stream"):
            return answer.status, first_event(answer)
        return answer.status, answer.read()


def first_event(answer: urllib3.BaseHTTPResponse) -> bytes:
    """What a live page shows first; its stream goes on."""
    told = b""
    for part in answer.stream(1):
        told += part
        if told.endswith(b"\n\n"):
            break
    answer.close()
    return told


def test_a_line_break_behind_a_path_is_no_way_around_its_right(
    running: RunningHub, with_secrets: dict[str, str]
) -> None:
    """A router's pattern ends before a last line break, so the handler was reached by another path's right."""
    text = token(running, Role.OPERATOR)["token"]
    with_secrets = {**with_secrets, "draft": "approval"}
    there = [(method, filled(path, with_secrets)) for method, path in routes(running) if path.startswith("/api/")]
    for method, path in there:
        for end in ("%0A", "%0D", "%C2%85"):
            answer = running.ask_at(method, path + end, None, text)
            assert answer.status == 404, (method, path + end, answer.data)
    assert running.do("GET", "/drafts/approval") == {"needed": False}


def test_a_token_to_read_changes_nothing_and_gets_no_secret_on_any_route(
    running: RunningHub, with_secrets: dict[str, str]
) -> None:
    text = token(running, Role.READ)["token"]
    read = 0
    for method, path in routes(running):
        status, data = ask(running, method, filled(path, with_secrets), text)
        if method not in {"GET", "HEAD"} and not is_open(path):
            assert status == 403, (method, path, status)
        read += status == 200
        for kind, secret in SECRETS.items():
            assert secret.encode() not in data, (path, kind)
    assert read > 30


def test_a_token_for_metrics_gets_the_metrics_and_nothing_else_on_any_route(running: RunningHub) -> None:
    text = token(running, Role.METRICS)["token"]
    allowed = {path for method, path in routes(running) if ask(running, method, filled(path, {}), text)[0] != 403}
    own = {path for path in allowed if path.startswith("/account")}  # they say that programs have no account
    assert allowed - own == {"/metrics", "/api/v1/whoami", "/static/{name}", *OPEN_PATHS}
    assert ask(running, "GET", "/metrics", text)[0] == 200


def test_what_a_token_is_not_for_is_said(running: RunningHub) -> None:
    made = token(running, Role.READ)
    answer = running.ask("POST", "/sites", {"name": "Nothing"}, token=made["token"])
    assert (answer.status, answer.json["kind"]) == (403, "scope-exceeded")
    assert answer.json["what"] == f"the role read may not {Right.EDIT}"
    assert running.ask("GET", "/whoami", token=made["token"]).json["role"] == "read"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "get"])
def test_another_method_than_those_that_read_is_for_owners(method: str) -> None:
    assert [role for role in Role if may(role, method, "/metrics")] == [Role.OWNER]


def test_a_token_ends_and_its_end_tells_no_more_than_an_unknown_one(running: RunningHub) -> None:
    made = token(running, Role.OWNER, ends_at=running.clock() + 3600)
    assert running.ask("GET", "/whoami", token=made["token"]).status == 200
    with running.clock.forward(3601):
        ended, unknown = (running.ask("GET", "/whoami", token=text) for text in (made["token"], "rft_unknown"))
        assert (ended.status, ended.json) == (unknown.status, unknown.json)
        (own,) = (row for row in running.do("GET", "/api-tokens")["items"] if row["name"] == "administrator")
        assert running.ask("DELETE", f"/api-tokens/{own['id']}").json["kind"] == "bad-selection"
    running.do("DELETE", f"/api-tokens/{made['id']}")


@pytest.mark.parametrize("ends_at", [0, -1, 1e308, 1.0])
def test_an_end_that_can_not_be_is_refused(running: RunningHub, ends_at: float) -> None:
    answer = running.ask("POST", "/api-tokens", {"name": "x", "ends_at": ends_at})
    assert answer.json["kind"] == "bad-name"
    assert running.ask("POST", "/api-tokens", {"name": "x", "role": "all"}).status == 422


def test_tokens_for_less_keep_nobody_from_losing_the_last_one_for_everything(running: RunningHub) -> None:
    token(running, Role.READ)
    (own,) = (row for row in running.do("GET", "/api-tokens")["items"] if row["name"] == "administrator")
    assert running.ask("DELETE", f"/api-tokens/{own['id']}").json["kind"] == "bad-selection"


def test_a_change_is_written_down_with_the_tokens_id_and_the_callers_address(running: RunningHub) -> None:
    """A name can be given twice; an id can't."""
    one, other = (running.do("POST", "/api-tokens", {"name": "twin"}) for _ in range(2))
    for made in (one, other):
        site = running.ask("POST", "/sites", {"name": "Written down"}, token=made["token"]).json["id"]
        entry = next(row for row in running.do("GET", "/audit")["items"] if row["action"].startswith("site."))
        assert (entry["who"], entry["token"], entry["address"]) == ("twin", made["id"], "127.0.0.1")
        running.do("DELETE", f"/sites/{site}")
        running.do("DELETE", f"/api-tokens/{made['id']}")


TABLE = Path(__file__).parent / "goldens" / "rights.txt"


def test_every_route_is_for_those_whom_the_table_names(running: RunningHub) -> None:
    """The table is for people to read: a new route appears in it, for owners alone until somebody says more."""
    others = [role for role in Role if role is not Role.OWNER]
    lines = []
    for path, method in sorted((path, method) for method, path in routes(running)):
        whom = " ".join(str(role)[:2] if may(role, method, path) else "--" for role in others)
        lines.append(f"{method:6} {path:64} {whom}")
    told = "\n".join(lines) + "\n"
    if os.environ.get("UPDATE_GOLDENS"):
        TABLE.write_text(told)
    assert told == TABLE.read_text()


def test_what_is_said_of_a_route_is_what_is_asked_of_its_requests(running: RunningHub) -> None:
    for method, path in routes(running):
        parameters = dict.fromkeys(re.findall(r"\{(\w+)", path), "x")
        assert asked_for(method, filled(path, parameters)) == asked_for(method, path), path


@pytest.mark.parametrize(
    "path",
    [
        "//",
        "",
        "/api/v1/",
        "/api/v1",
        "/new-things",
        "/statics/x",
        "/api/v1/new-things",
        "//api/v1/phones",
        "/api/v1/Phones",
    ],
)
def test_a_path_that_nobody_speaks_of_is_for_owners(path: str) -> None:
    assert asked_for("GET", path) is Right.OWN


def test_a_page_is_for_those_whom_the_same_path_of_the_api_is_for(running: RunningHub) -> None:
    for method, path in routes(running):
        if not path.startswith(("/api/", "/static/", "/metrics", "/openapi")) and path not in OPEN_PATHS:
            assert asked_for(method, path) == asked_for(method, "/api/v1" + (path if path != "/" else "/overview"))


def test_roles_contain_one_another_as_people_expect() -> None:
    assert RIGHTS[Role.METRICS] < RIGHTS[Role.READ] <= RIGHTS[Role.AUDITOR] < RIGHTS[Role.ADMINISTRATOR]
    assert RIGHTS[Role.ADMINISTRATOR] < RIGHTS[Role.OWNER]
    assert RIGHTS[Role.SUPPORT] < RIGHTS[Role.OPERATOR] < RIGHTS[Role.ADMINISTRATOR]
    assert {role for role in Role if Right.REVEAL in RIGHTS[role]} == {Role.OWNER, Role.ADMINISTRATOR}


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.SUPPORT, Role.INSTALLER, Role.AUDITOR, Role.READ, Role.METRICS])
def test_no_role_below_an_administrators_gets_a_secret_on_any_route(
    running: RunningHub, with_secrets: dict[str, str], role: Role
) -> None:
    """Those who see templates see what somebody wrote into them; no request here changes anything."""
    text = token(running, role)["token"]
    for method, path in routes(running):
        if method in {"GET", "HEAD"} or "reveal" in path or "export" in path:
            status, data = ask(running, method, filled(path, with_secrets), text)
            assert status == 403 or may(role, method, path), (method, path)
            for kind in ("line", "setting", "pbx"):
                assert SECRETS[kind].encode() not in data, (path, kind)


def test_nobody_gives_or_takes_rights_that_he_has_not(running: RunningHub) -> None:
    anna = token(running, Role.ADMINISTRATOR)["token"]
    refused = running.ask("POST", "/api-tokens", {"name": "x", "role": "owner"}, token=anna)
    assert (refused.status, refused.json["kind"]) == (403, "scope-exceeded")
    assert running.ask("POST", "/api-tokens", {"name": "x"}, token=anna).status == 403, "an owner's is the default"
    made = running.ask("POST", "/api-tokens", {"name": "x", "role": "operator"}, token=anna).json
    assert running.ask("DELETE", f"/api-tokens/{made['id']}", token=anna).status == 204
    owner = next(row for row in running.do("GET", "/api-tokens")["items"] if row["role"] == "owner")
    assert running.ask("DELETE", f"/api-tokens/{owner['id']}", token=anna).json["kind"] == "scope-exceeded"
    ben = token(running, Role.OPERATOR)["token"]
    assert running.ask("POST", "/api-tokens", {"name": "x", "role": "metrics"}, token=ben).status == 403


def test_an_older_programs_words_mean_what_they_did(running: RunningHub) -> None:
    for scope, role in (("admin", "owner"), ("read", "read"), ("metrics", "metrics")):
        made = running.do("POST", "/api-tokens", {"name": "older", "scope": scope})
        assert (made["role"], made["scope"]) == (role, scope)
        running.do("DELETE", f"/api-tokens/{made['id']}")
