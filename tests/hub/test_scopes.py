"""Tokens for less than everything: what they may ask for on every route, until when, and what is written down."""

import re
import ssl
from collections.abc import Iterator

import pytest
import urllib3
from fastapi.routing import iter_route_contexts

from ringfence.hub.people.app import people_app
from ringfence.hub.people.scopes import OPEN_PATHS, TokenScope, may
from support.running_hub import TIMEOUT, Json, RunningHub

SECRETS = {name: f"Known-{name}-Secret-1" for name in ("line", "setting", "pbx", "template", "channel", "url")}
MAC = "00:1B:54:C2:BB:01"


def routes(running: RunningHub) -> list[tuple[str, str]]:
    """Every route, as method and path with its parameters."""
    return [
        (method, context.path or "")
        for context in iter_route_contexts(people_app(running.hub).routes)
        for method in sorted(context.methods or ())
    ]


def token(running: RunningHub, scope: TokenScope, **how: object) -> Json:
    return running.do("POST", "/api-tokens", {"name": f"for {scope}", "scope": scope, **how})


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


def filled(path: str, values: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)(?::path)?\}", lambda found: values.get(found[1], "1"), path)


def ask(running: RunningHub, method: str, path: str, text: str) -> tuple[int, bytes]:
    context = ssl.create_default_context(cafile=str(running.folder.authority_certificate))
    with urllib3.PoolManager(ssl_context=context, timeout=TIMEOUT, retries=False) as pool:
        url = running.people_url + path
        answer = pool.request(method, url, headers={"Authorization": f"Bearer {text}"}, redirect=False)
        return answer.status, answer.data


def test_a_token_to_read_changes_nothing_and_gets_no_secret_on_any_route(
    running: RunningHub, with_secrets: dict[str, str]
) -> None:
    text = token(running, TokenScope.READ)["token"]
    read = 0
    for method, path in routes(running):
        status, data = ask(running, method, filled(path, with_secrets), text)
        if method not in {"GET", "HEAD"}:
            assert status == 403, (method, path, status)
        read += status == 200
        for kind, secret in SECRETS.items():
            assert secret.encode() not in data, (path, kind)
    assert read > 30


def test_a_token_for_metrics_gets_the_metrics_and_nothing_else_on_any_route(running: RunningHub) -> None:
    text = token(running, TokenScope.METRICS)["token"]
    allowed = {path for method, path in routes(running) if ask(running, method, filled(path, {}), text)[0] != 403}
    assert allowed == {"/metrics", "/api/v1/whoami", *OPEN_PATHS}
    assert ask(running, "GET", "/metrics", text)[0] == 200


def test_what_a_token_is_not_for_is_said(running: RunningHub) -> None:
    made = token(running, TokenScope.READ)
    answer = running.ask("POST", "/sites", {"name": "Nothing"}, token=made["token"])
    assert (answer.status, answer.json["kind"]) == (403, "scope-exceeded")
    assert "for read only" in answer.json["what"]
    assert running.ask("GET", "/whoami", token=made["token"]).json["scope"] == "read"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "get"])
def test_another_method_than_those_that_read_is_for_administrators(method: str) -> None:
    assert [may(scope, method, "/metrics") for scope in TokenScope] == [True, False, False]


def test_a_token_ends_and_its_end_tells_no_more_than_an_unknown_one(running: RunningHub) -> None:
    made = token(running, TokenScope.ADMIN, ends_at=running.clock() + 3600)
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
    assert running.ask("POST", "/api-tokens", {"name": "x", "scope": "all"}).status == 422


def test_tokens_for_less_keep_nobody_from_losing_the_last_one_for_everything(running: RunningHub) -> None:
    token(running, TokenScope.READ)
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
