"""What holds on every page, whatever it is about: a new page is looked at without anybody adding it here."""

import contextlib
import html
import re
import shlex
import ssl
import zlib
from typing import cast
from urllib.parse import quote

import pytest
import urllib3
from axe_playwright_python.sync_playwright import Axe
from fastapi.routing import iter_route_contexts
from playwright.sync_api import Page
from typer._click.exceptions import MissingParameter

from ringfence.hub.core import Hub
from ringfence.hub.people.callers import Caller
from ringfence.hub.people.rights import Role, may
from ringfence.hub.web.app import web_app
from ringfence.hub.web.navigation import entries_for
from support.command_line import command_tree, parse
from support.running_hub import TIMEOUT, RunningHub
from web import by_keyboard
from web.conftest import Person, shot

NO_PAGES = (
    "/api/", "/static/", "/openapi.json", "/metrics", "/healthz", "/readyz", "/authority.pem", "/sign-in/provider",
    "/portable.rfb",
)  # fmt: skip
PAGES = sorted(
    context.path or ""
    for context in iter_route_contexts(web_app(cast("Hub", None)).routes)
    if "GET" in (context.methods or ()) and not (context.path or "").startswith(NO_PAGES)
)
SHOWN = [path for path in PAGES if not path.endswith(("/live", "/csv", "/jsonl"))]
OF_NOBODY = {"/phones/{mac}/accept", "/settings/organisation/{name:path}", "/templates/{family}/{name:path}"}
"""Pages that say nothing of what there is: a phone may be let in that nobody knows."""
OF_STRANGERS = "/sign-in"
"""The page that shows everybody by which providers people of the first organisation sign in."""
OF_THE_HUB = ("/organisations", "/account/organisation", "/hub")
"""Pages for those who run the hub."""
HEADERS = {
    "Content-Security-Policy": "default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
LARGEST_BYTES = 60_000
LARGEST_SCRIPT_BYTES = 15_000
_axe = Axe()


def filled(path: str, known: dict[str, str]) -> str:
    if path.startswith("/api-tokens"):
        known = {**known, "token": known["key"]}
    if path.startswith("/templates"):
        known = {**known, "name": "{mac}.cfg"}
    return re.sub(r"\{(\w+)(?::path)?\}", lambda found: quote(known[found[1]]), path)


def named(path: str) -> str:
    return re.sub(r"[^a-z]+", "-", path).strip("-") or "overview"


def ask(running: RunningHub, path: str, token: str) -> urllib3.BaseHTTPResponse:
    context = ssl.create_default_context(cafile=str(running.folder.authority_certificate))
    with urllib3.PoolManager(ssl_context=context, timeout=TIMEOUT, retries=False) as pool:
        headers = {"Accept": "text/html", **({"Authorization": f"Bearer {token}"} if token else {})}
        return pool.request("GET", running.people_url + path, headers=headers, redirect=False)


def serious(page: Page, *rules: str) -> list[str]:
    found = _axe.run(page, options={"runOnly": list(rules)} if rules else None).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html']}" for each in found if each["impact"] in {"serious", "critical"}]


def too_wide(page: Page) -> list[str]:
    """What sticks out of the window, if the page can be moved sideways."""
    return list(
        page.evaluate(
            """() => document.documentElement.scrollWidth <= innerWidth ? [] :
            [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > innerWidth)
            .map(e => e.outerHTML.slice(0, 120))"""
        )
    )


@pytest.mark.slow
@pytest.mark.needs("chromium")
@pytest.mark.parametrize("path", SHOWN)
def test_a_page_is_for_everybody(path: str, owner: Person, without_script: Person, known: dict[str, str]) -> None:
    """On a wide screen and a narrow one, by day and by night, read by a machine, by keyboard, without a script."""
    page = owner.page
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1280, "height": 800})
    owner.go(filled(path, known))
    assert page.locator("h1").count() == 1
    assert page.title().endswith(" · Ringfence")
    assert serious(page) == []
    shot(page, named(path))
    part = "body" if path == "/" else "main"  # the frame is the same everywhere
    assert by_keyboard.walk(page, part) == {"missed": [], "unseen": []}
    page.emulate_media(color_scheme="dark")
    assert serious(page, "color-contrast") == []
    page.set_viewport_size({"width": 360, "height": 740})
    assert too_wide(page) == []
    assert by_keyboard.walk(page) == {"missed": [], "unseen": []}
    shot(page, named(path) + "-narrow")
    assert "None" not in page.locator("main").inner_text()
    without_script.go(filled(path, known))
    assert without_script.page.locator("h1").inner_text() == page.locator("h1").inner_text()
    assert owner.complaints + without_script.complaints == []


@pytest.mark.slow
@pytest.mark.needs("chromium")
def test_the_walk_by_keyboard_finds_what_is_missed_and_where_nobody_sees_the_focus(owner: Person) -> None:
    owner.page.goto("about:blank")
    owner.page.set_content(
        """<style>a { outline: none } :focus-visible { outline: 3px solid }</style><button>1</button>
        <a href="/x" style="outline: none">2</a><button id="trap">3</button><button>4</button>"""
    )
    owner.page.evaluate("document.getElementById('trap').addEventListener('keydown', event => event.preventDefault())")
    found = by_keyboard.walk(owner.page)
    assert found["missed"] == ["<button>4</button>"]
    assert [text[:2] for text in found["unseen"]] == ["<a"]


@pytest.mark.parametrize("role", list(Role))
def test_a_page_is_for_those_who_may_see_it(running: RunningHub, known: dict[str, str], role: Role) -> None:
    body = {"name": f"reads as {role}", "role": role}
    token = running.do("POST", "/api-tokens", body)["token"]
    for path in SHOWN:
        answer = ask(running, filled(path, known), token)
        if not may(role, "GET", path):
            assert answer.status == 403, path
            assert b"This is not for your role" in answer.data
        else:
            assert answer.status in {200, 403}, (path, answer.data)
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        for name, value in HEADERS.items():
            assert answer.headers[name].startswith(value), (path, name)
        assert len(zlib.compress(answer.data)) < LARGEST_BYTES, path
    for entry in entries_for(Caller("", "", role, "", is_hubwide=True)):
        assert ask(running, entry.path, token).status == 200, entry


def test_nothing_of_another_organisation_is_on_any_page(running: RunningHub, known: dict[str, str]) -> None:
    running.do("POST", "/organisations", {"id": "hollow", "name": "Hollow"})
    headers = {"Ringfence-Organisation": "hollow"}
    token = running.ask("POST", "/api-tokens", {"name": "hollow's"}, headers=headers).json["token"]
    for path in PAGES:
        answer = ask(running, filled(path, known), token)
        if path.startswith(OF_THE_HUB):
            assert answer.status == 403, path
            continue
        assert answer.status == (404 if "{" in path and path not in OF_NOBODY else 200), (path, answer.data)
        assert b"Reception" not in answer.data
        assert b"S\xc3\xb6hne" not in answer.data or path == OF_STRANGERS


def test_a_heading_sorts_its_list_both_ways(running: RunningHub, known: dict[str, str]) -> None:
    found = 0
    for path in SHOWN:
        text = ask(running, filled(path, known), running.token.reveal()).data.decode()
        for link in re.findall(r'<th scope="col"[^>]*><a href="([^"]+)">', text):
            turned = re.sub(r"sort=(-?)", lambda sign: "sort=" if sign[1] else "sort=-", link)
            for each in (link, turned):
                answer = ask(running, html.unescape(each), running.token.reveal())
                assert answer.status == 200, (each, answer.data)
                assert b'aria-sort="' in answer.data, each
            found += 1
    assert found > 20


def test_commands_that_pages_name_can_be_given(running: RunningHub, known: dict[str, str]) -> None:
    tree, found = command_tree(), 0
    for path in SHOWN:
        text = ask(running, filled(path, known), running.token.reveal()).data.decode()
        for line in re.findall(r"<code[^>]*>(?:sudo /opt/ringfence/bin/)?ringfence ([^<]*)</code>", text):
            with contextlib.suppress(MissingParameter):  # a mention
                parse(tree, shlex.split(html.unescape(line)))
            found += 1
    assert found > 3


def test_a_problem_is_a_page_for_those_who_read_pages(running: RunningHub) -> None:
    stranger = ask(running, "/people?limit=1", "")
    assert (stranger.status, stranger.headers["Location"]) == (303, "/sign-in?next=/people%3Flimit%3D1")
    nowhere = ask(running, "/nowhere", running.token.reveal())
    assert nowhere.status == 404
    assert b"There is nothing here" in nowhere.data
    assert nowhere.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert running.raw("GET", "/nowhere").json["kind"] == "not-found"


def test_static_files_are_kept_for_good_and_nothing_else_is_there(running: RunningHub) -> None:
    text = ask(running, "/", running.token.reveal()).data.decode()
    found = re.findall(r'(?:href|src)="(/static/[^"]+)"', text)
    assert len(found) == 3
    for path in found:
        answer = ask(running, path, "")
        assert (answer.status, answer.headers["X-Content-Type-Options"]) == (200, "nosniff")
        assert "immutable" in answer.headers["Cache-Control"]
        assert not path.endswith(".js") or len(answer.data) < LARGEST_SCRIPT_BYTES
    for path in ("/static/ringfence.css", "/static/files.py", "/static/..%2fapp.py", "/static/", "/static/a/b"):
        assert ask(running, path, "").status == 404, path
