"""Pages of sites, and how an edge joins one."""

import re

import pytest
from playwright.sync_api import expect

from ringfence.hub.people.rights import Role
from ringfence.identity.tokens import EnrolmentToken
from support.running_hub import RunningHub
from web.conftest import AWKWARD, PATIENCE_MS, People, shot

pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]


def test_a_site_is_added_and_its_edge_joins_while_one_looks_on(people: People, running: RunningHub) -> None:
    page = people.person(Role.OPERATOR).page
    page.goto("/")
    page.get_by_role("link", name="Sites", exact=True).first.click()
    page.get_by_role("link", name=re.compile("Add (a|the first) site")).first.click()
    page.get_by_label("Name").fill("Home office Anna")
    page.get_by_role("button", name="Add the site").click()
    expect(page.get_by_role("status")).to_have_text("The site is created. Now its edge can join.")
    page.get_by_role("button", name="Create a token").click()
    expect(page.get_by_text("Waiting for the edge.")).to_be_visible()
    shot(page, "join-waiting")
    text = page.locator("#enrol").inner_text().rpartition(" ")[2]
    assert page.locator("svg.qr").count() == 1
    assert running.ask_to_enrol(EnrolmentToken.from_text(text).secret).status == 200
    expect(page.get_by_text("has joined")).to_be_visible(timeout=PATIENCE_MS)
    shot(page, "join-joined")
    page.get_by_role("link", name="Look again").click()
    expect(page.get_by_text("has joined")).to_be_visible()
    assert text not in page.content(), "a token is shown once"


def test_a_token_that_is_over_says_why(people: People, running: RunningHub) -> None:
    site = running.site("Two tokens")
    token = running.do("POST", f"/sites/{site}/tokens")["id"]
    page = people.person(Role.INSTALLER).page
    page.goto(f"/sites/{site}/tokens/{token}")
    expect(page.get_by_text("Waiting for the edge.")).to_be_visible()
    page.get_by_role("link", name="Revoke this token").click()
    page.get_by_role("button", name="Revoke it").click()
    expect(page.get_by_text("Revoked.")).to_be_visible()
    page.goto(f"/sites/{site}/tokens/{token}")
    expect(page.get_by_text("The token was revoked")).to_be_visible()


def test_a_live_page_says_that_its_connection_is_lost_and_is_right_once_it_is_back(
    people: People, running: RunningHub
) -> None:
    site = running.site("Far away")
    token = running.do("POST", f"/sites/{site}/tokens")
    page = people.person(Role.INSTALLER).page
    page.route("**/live", lambda route: route.abort("connectionfailed"))
    page.goto(f"/sites/{site}/tokens/{token['id']}")
    lost = page.get_by_text("The connection to the hub is lost.")
    expect(lost).to_be_visible()
    secret = EnrolmentToken.from_text(token["token"]).secret
    assert running.ask_to_enrol(secret).status == 200
    page.unroute("**/live")
    expect(page.get_by_text("has joined")).to_be_visible()
    expect(lost).to_be_hidden()


def test_what_was_typed_stays_where_a_form_is_refused(people: People, running: RunningHub) -> None:
    running.site("Taken already")
    page = people.person(java_script_enabled=False).page
    page.goto("/sites/-/new")
    page.get_by_label("Name").fill("Taken already")
    page.get_by_role("button", name="Add the site").click()
    expect(page.get_by_label("Name")).to_have_value("Taken already")
    expect(page.locator("#name-wrong")).to_contain_text("There already is a site called Taken already.")
    assert page.get_by_label("Name").get_attribute("aria-invalid") == "true"


def test_a_name_comes_back_as_the_text_that_it_is(people: People, known: dict[str, str]) -> None:
    page = people.person().page
    page.goto(f"/sites/{known['site']}/change")
    expect(page.get_by_label("Name")).to_have_value(AWKWARD[:80])
    page.get_by_role("button", name="Save").click()
    expect(page.locator("h1")).to_have_text(AWKWARD[:80])
    assert page.locator("main b").count() == 0, "markup is text"


def test_filters_are_in_the_address(people: People, running: RunningHub) -> None:
    running.site("Findable")
    page = people.person().page
    page.goto("/sites")
    page.get_by_label("Search").fill("findab")
    page.get_by_label("State").select_option("without-edge")
    page.get_by_role("button", name="Show").click()
    assert page.url.endswith("/sites?search=findab&state=without-edge")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.goto("/sites?search=nothing-like-it")
    expect(page.get_by_text("No site fits.")).to_be_visible()


def test_a_site_is_removed_only_after_a_question(people: People, running: RunningHub) -> None:
    site = running.site("To be removed")
    page = people.person().page
    page.goto(f"/sites/{site}")
    page.get_by_role("link", name="Remove").click()
    assert running.ask("GET", f"/sites/{site}").status == 200
    page.get_by_role("button", name="Remove the site").click()
    expect(page.get_by_role("status")).to_have_text("Removed.")
    assert running.ask("GET", f"/sites/{site}").status == 404


def test_nobody_is_offered_what_is_not_for_them(people: People, known: dict[str, str]) -> None:
    page = people.person(Role.SUPPORT).page
    page.goto("/sites")
    assert page.get_by_role("link", name="Add a site").count() == 0
    page.goto(f"/sites/{known['site']}")
    assert page.locator(".actions a").all_inner_texts() == ["Settings"]
    answer = page.goto(f"/sites/{known['site']}/change")
    assert answer is not None
    assert answer.status == 403


def test_the_way_by_keyboard(people: People, known: dict[str, str]) -> None:
    assert known
    page = people.person().page
    page.goto("/sites")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Add a site")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/sites/-/new")
