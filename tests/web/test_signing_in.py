"""People sign in with a real browser: the first person, a second step, an ended session, with and without a script."""

import re

import pytest
from playwright.sync_api import Page, expect

from ringfence.hub.fleet import passwords, sessions
from ringfence.secret import Secret
from support.running_hub import RunningHub
from support.signing_in import CHEAP, PASSWORD, code_at, link, person
from web.conftest import People, shot
from web.test_every_page import serious, too_wide

pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "HASHER", CHEAP)


def sign_in(page: Page, name: str) -> None:
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD.reveal())
    page.get_by_role("button", name="Sign in", exact=True).click()


def look(page: Page, name: str) -> None:
    """A page that only somebody who is signed in has is like every other."""
    shot(page, name)
    assert serious(page) == []
    page.emulate_media(color_scheme="dark")
    assert serious(page) == []
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 360, "height": 740})
    assert too_wide(page) == []
    shot(page, f"{name}-narrow")
    page.set_viewport_size({"width": 1280, "height": 800})


@pytest.mark.parametrize("has_script", [True, False])
def test_the_first_person_comes_in_and_invites_the_second(
    people: People, running: RunningHub, has_script: bool
) -> None:
    name = f"first-{has_script}".lower()
    if has_script:
        code = link(running.hub, None).reveal()
    else:
        code = link(running.hub, person(running.hub, name, password=None)).reveal()
    page = people.visitor(java_script_enabled=has_script).page
    page.goto(f"/sign-in/link?code={code}")
    shot(page, f"first-person-{name}")
    if has_script:
        page.get_by_label("Name to sign in with").fill(name)
    page.get_by_label("What you are called").fill("Anna A.")
    page.get_by_label("Password", exact=True).fill("short")
    for label in ("Password", "The same password again"):
        page.get_by_label(label, exact=True).fill(PASSWORD.reveal())
    page.get_by_role("button").click()
    expect(page.get_by_role("link", name="Anna A.")).to_be_visible()
    page.goto("/people/-/new")
    page.get_by_label("Name to sign in with").fill(f"ben-{name}")
    page.get_by_role("button", name="Make the link").click()
    if has_script:  # with which axe looks
        look(page, "invitation")
    url = page.locator("pre code").first.inner_text()
    guest = people.visitor(java_script_enabled=has_script).page
    guest.goto(url)
    for label in ("Password", "The same password again"):
        guest.get_by_label(label, exact=True).fill(PASSWORD.reveal())
    guest.get_by_role("button").click()
    expect(guest.get_by_role("link", name=f"ben-{name}")).to_be_visible()


def test_a_second_step_from_beginning_to_end(people: People, running: RunningHub) -> None:
    person(running.hub, "two-steps", "operator")
    page = people.visitor().page
    page.goto("/account")
    assert page.url.endswith("/sign-in?next=/account")
    look(page, "sign-in-form")
    sign_in(page, "two-steps")
    look(page, "own-account")
    page.get_by_role("link", name="Set up an authenticator app").click()
    look(page, "own-second-step")
    key = Secret(page.get_by_text(re.compile(r"^[A-Z2-7 ]{39}$")).inner_text().replace(" ", ""))
    page.get_by_label("The code that the app shows now").fill(code_at(key, running.clock()))
    page.get_by_role("button", name="Use this app").click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    look(page, "recovery-codes")
    codes = page.locator("pre code").inner_text().split()
    page.get_by_role("link", name="I have kept them").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    sign_in(page, "two-steps")
    look(page, "second-step-form")
    page.get_by_label("Code").fill("123456")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("UTC")
    page.get_by_label("Code").fill(codes[0])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("link", name="Two-Steps")).to_be_visible()


def test_what_was_typed_survives_the_end_of_a_session(people: People, running: RunningHub) -> None:
    row = person(running.hub, "long-form")
    page = people.visitor().page
    page.goto("/people/-/new")
    sign_in(page, "long-form")
    page.get_by_label("Name to sign in with").fill("typed-before")
    page.get_by_label("What they are called").fill("O'Brien \"& <b>")
    with running.hub.change("test") as change:
        sessions.end_all(change, row)
    page.get_by_role("button", name="Make the link").click()
    look(page, "session-ended")
    sign_in(page, "long-form")
    look(page, "typed-before")
    page.get_by_role("button", name="Send it now").click()
    expect(page.get_by_role("heading", name="A link for O'Brien \"& <b>")).to_be_visible()


def test_without_cookies_people_are_told(people: People, running: RunningHub) -> None:
    person(running.hub, "no-cookies")
    page = people.visitor().page
    page.goto("/sign-in")
    page.context.clear_cookies()
    sign_in(page, "no-cookies")
    expect(page.get_by_role("alert")).to_contain_text("does not send our cookie back")
