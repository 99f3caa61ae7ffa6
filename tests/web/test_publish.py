"""Publishing and releases on pages."""

import pytest
from playwright.sync_api import expect

from ringfence.hub.people.rights import Role
from support.running_hub import RunningHub
from web.conftest import People, shot

pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]
MAC = "00:1B:54:C2:0E:01"


def test_an_edit_is_looked_at_published_and_taken_back(people: People, running: RunningHub) -> None:
    site = running.site("Published")
    running.phone(site, MAC, label="Anna")
    running.publish(sites=[site])
    running.do("PUT", f"/phones/{MAC}/lines/1", {"label": "Anna <b>B.</b>"})
    page = people.person(Role.OPERATOR).page
    page.goto(f"/publish?site={site}")
    expect(page.locator(".lead")).to_contain_text("1 phone at 1 site: 1 file would change.")
    page.locator("details.change summary").click()
    expect(
        page.locator(".diff .added", has_text="Anna <b>B.</b>".replace("<", "&lt;").replace(">", "&gt;"))
    ).to_be_visible()
    assert page.locator(".diff b").count() == 0
    shot(page, "publish-change")
    page.get_by_label("Comment").fill("She <i>married</i>")
    page.get_by_role("button", name="Publish").click()
    expect(page.locator("h1")).to_contain_text("Published")
    page.get_by_role("link", name="What it changed").click()
    expect(page.get_by_text("She <i>married</i>")).to_be_visible()
    page.goto(f"/sites/{site}/releases/1")
    page.get_by_role("link", name="Go back to this release").click()
    expect(
        page.get_by_text("Phones lose 1 edit that they have now; with the next publish it comes back")
    ).to_be_visible()
    page.get_by_text("The edits", exact=True).click()
    expect(page.get_by_text("201 “Anna <b>B.</b>”")).to_be_visible()
    shot(page, "rollback")
    page.get_by_role("button", name="Go back to release 1").click()
    expect(page.get_by_role("status")).to_have_text("The site has a new release with the old content, and is held.")
    page.get_by_role("link", name="End the hold").click()
    expect(page.get_by_text("1 file of 1 phone would change.")).to_be_visible()
    page.get_by_role("button", name="End the hold").click()
    assert running.do("GET", f"/sites/{site}")["held_since"] is None
    page.get_by_role("link", name="Hold").click()
    page.get_by_label("Reason").fill("they move")
    page.get_by_role("button", name="Hold it").click()
    assert running.do("GET", f"/sites/{site}")["held_why"] == "they move"


def test_nobody_is_asked_to_publish_what_does_not_change(people: People, running: RunningHub) -> None:
    site = running.site("Unchanged")
    page = people.person(Role.OPERATOR).page
    page.goto(f"/publish?site={site}")
    expect(page.get_by_text("Nothing would change")).to_be_visible()
    assert page.get_by_role("button", name="Publish").count() == 0


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.AUDITOR, Role.INSTALLER])
def test_publishing_is_for_those_who_may(people: People, role: Role) -> None:
    page = people.person(role).page
    page.goto("/")
    assert page.get_by_role("link", name="Publish").count() == 0
    answer = page.goto("/publish")
    assert answer is not None
    assert answer.status == 403
