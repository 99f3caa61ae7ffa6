"""Who calls is known before a byte of a body is read, on every route of the people's API."""

import json
import re
import ssl
from pathlib import Path

import pytest
import urllib3
from fastapi import Request
from fastapi.routing import iter_route_contexts

from ringfence.hub.core import Hub, open_hub
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.people.callers import AUTHENTICATIONS, Caller
from ringfence.hub.people.rights import OPEN_PATHS, Role, is_open
from ringfence.hub.process import tls
from ringfence.hub.process.listeners import LISTENERS, Listener
from ringfence.hub.sign_in_errors import NotSignedIn
from ringfence.hub.store.organisation_models import FIRST
from ringfence.hub.web.app import web_app
from ringfence.secret import Secret
from support.chosen_database import copied
from support.raw_requests import answer_to_head, connected, status_of
from support.running_hub import RunningHub
from support.serving_hub import serving

ONE_MIB = "Content-Type: application/json\r\nContent-Length: 1048576"


def _routes(hub: Hub) -> list[tuple[str, str]]:
    """Every route, as method and path."""
    found = [
        (method, re.sub(r"\{[^}]*\}", "1", context.path or ""))
        for context in iter_route_contexts(web_app(hub).routes)
        for method in sorted(context.methods or ())
    ]
    assert all(path for _method, path in found)
    return found


def _cookie(request: Request) -> Caller | None:
    """A way of the test's own, as pages might have it."""
    match request.cookies.get("session"):
        case None:
            return None
        case "anna":
            return Caller("session-1", "Anna", Role.OWNER, FIRST)
        case _:
            raise NotSignedIn("this session has ended", to_do="Sign in again.")


def test_a_stranger_is_refused_before_the_body_is_sent_on_every_route(running: RunningHub) -> None:
    routes = _routes(running.hub)
    assert len(routes) > 80
    assert {path for _method, path in routes} > OPEN_PATHS
    context = ssl.create_default_context(cafile=str(running.folder.authority_certificate))
    for method, path in routes:
        if not is_open(path):
            with connected(running.people_url, context) as line:
                answer = answer_to_head(line, method, path, ONE_MIB)
            assert status_of(answer) == 401, (method, path, answer)
            assert b"WWW-Authenticate: Bearer".lower() in answer.lower()


@pytest.mark.parametrize(
    "header", ["Authorization: Basic YTpi", "Authorization: Bearer rft_wrong", "Cookie: session=anna"]
)
def test_what_is_no_good_token_is_refused_before_the_body_is_sent(running: RunningHub, header: str) -> None:
    context = ssl.create_default_context(cafile=str(running.folder.authority_certificate))
    with connected(running.people_url, context) as line:
        assert status_of(answer_to_head(line, "POST", "/api/v1/sites", f"{header}\r\n{ONE_MIB}")) == 401


def test_another_way_to_be_known_is_one_more_in_the_list(made_hub: tuple[Path, Secret], tmp_path: Path) -> None:
    copied(made_hub[0], tmp_path / "hub")
    folder = DataFolder(tmp_path / "hub")
    hub = open_hub(folder)
    pages = Listener(
        "pages", "pages", lambda _: 0, lambda hub: web_app(hub, (*AUTHENTICATIONS, _cookie)), tls.people_context
    )
    with (
        serving(hub, folder, (*LISTENERS, pages)),
        urllib3.PoolManager(ca_certs=str(folder.authority_certificate), retries=False) as pool,
    ):
        url = json.loads((folder.path / "run.json").read_text())["pages"] + "/api/v1"

        def ask(method: str, path: str, body: object = None, **headers: str) -> tuple[int, dict[str, object]]:
            answer = pool.request(method, url + path, json=body, headers=headers)
            return answer.status, answer.json()

        assert ask("GET", "/whoami", Cookie="session=anna")[1]["name"] == "Anna"
        assert ask("POST", "/sites", {"name": "Home"}, Cookie="session=anna")[0] == 201
        token = f"Bearer {made_hub[1].reveal()}"
        audit = ask("GET", "/audit", Authorization=token)[1]["items"]
        assert isinstance(audit, list)
        assert audit[0]["who"] == "Anna"
        assert ask("GET", "/whoami")[0] == 401
        status, problem = ask("GET", "/whoami", Cookie="session=old")
        assert (status, problem["what"]) == (401, "this session has ended")
