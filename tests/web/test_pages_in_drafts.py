"""Pages show and edit a draft that somebody has chosen to work in."""

import pytest
from playwright.sync_api import expect
from sqlalchemy import text

from ringfence.hub.people.rights import Role
from support.running_hub import RunningHub
from web.conftest import People, shot

pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]


def test_pages_edit_the_draft_that_somebody_works_in(people: People, running: RunningHub) -> None:
    site, mac = running.site("Drafted by pages"), "00:1B:54:C2:0F:11"
    running.phone(site, mac)
    draft = running.do("POST", "/drafts", {"name": "By <b>pages</b>", "shared": True})["id"]
    page = people.person(Role.OPERATOR).page
    running.do("PUT", "/drafts/approval", {"needed": True})
    try:
        page.goto(f"/phones/{mac}/change")
        page.get_by_label("Description").fill("At the window")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("alert")).to_contain_text("asks for a second person's approval")
        page.goto(f"/drafts/{draft}")
        page.get_by_role("button", name="Edit in it by pages").click()
        expect(page.get_by_role("note")).to_contain_text("This is as draft By <b>pages</b> has it")
        page.goto(f"/phones/{mac}/change")
        shot(page, "page-in-draft")
        page.get_by_label("Description").fill("At the window")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("status")).to_be_visible()
        page.goto(f"/phones/{mac}/change")
        expect(page.get_by_label("Description")).to_have_value("At the window")
    finally:
        running.do("PUT", "/drafts/approval", {"needed": False})
    assert running.do("GET", f"/phones/{mac}")["description"] == ""
    (edit,) = running.do("GET", f"/drafts/{draft}")["list_of_edits"]
    assert (edit["method"], edit["path"]) == ("POST", f"/phones/{mac}/change")
    page.get_by_role("button", name="Leave the draft").click()
    expect(page.get_by_role("status")).to_contain_text("Every page is about what there is again.")
    page.goto(f"/phones/{mac}/change")
    expect(page.get_by_label("Description")).to_have_value("")
    assert page.get_by_role("note").count() == 0
    page.goto(f"/drafts/{draft}")
    page.get_by_role("button", name="Make the edits and publish").click()
    expect(page.get_by_role("status")).to_have_text("The edits are made and published.")
    assert running.do("GET", f"/phones/{mac}")["description"] == "At the window"


def test_a_form_goes_to_the_draft_of_its_page_and_what_is_refused_is_no_edit(
    people: People, running: RunningHub
) -> None:
    site, mac = running.site("Two tabs"), "00:1B:54:C2:0F:12"
    running.phone(site, mac)
    draft = running.do("POST", "/drafts", {"name": "Tabs", "shared": True})["id"]
    page = people.person(Role.OPERATOR).page
    page.goto(f"/drafts/{draft}")
    page.get_by_role("button", name="Edit in it by pages").click()
    page.goto(f"/phones/{mac}/change")
    other = page.context.new_page()
    other.goto(f"/drafts/{draft}")
    other.get_by_role("button", name="Leave the draft").click()
    page.get_by_label("Description").fill("a\tb")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Description")).to_have_value("a\tb")
    assert running.do("GET", f"/drafts/{draft}")["list_of_edits"] == []
    page.get_by_label("Description").fill("By the door")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_be_visible()
    assert len(running.do("GET", f"/drafts/{draft}")["list_of_edits"]) == 1
    assert running.do("GET", f"/phones/{mac}")["description"] == ""
    other.goto(f"/drafts/{draft}")
    other.get_by_role("button", name="Edit in it by pages").click()
    running.do("DELETE", f"/drafts/{draft}")
    with running.hub.database.writing() as session:
        session.execute(text("SELECT 1"))
        page.goto(f"/phones/{mac}/change")  # a draft that is gone makes nobody wait for who writes
        expect(page.get_by_label("Description")).to_have_value("")


def test_a_secret_that_is_typed_into_a_page_is_sealed_in_its_draft(people: People, running: RunningHub) -> None:
    site, mac = running.site("Secret by page"), "00:1B:54:C2:0F:13"
    running.phone(site, mac)
    draft = running.do("POST", "/drafts", {"name": "Secrets", "shared": True})["id"]
    page = people.person(Role.OPERATOR).page
    page.goto(f"/drafts/{draft}")
    page.get_by_role("button", name="Edit in it by pages").click()
    page.goto(f"/phones/{mac}/lines/1")
    page.get_by_label("Password").fill("Typed-8417-secret")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_be_visible()
    assert running.do("GET", f"/drafts/{draft}")["list_of_edits"]
    page.goto(f"/drafts/{draft}")
    assert "8417" not in page.content()
    assert "8417" not in running.ask("GET", "/audit").data.decode()
    assert b"8417" not in (running.folder.path / "hub.sqlite").read_bytes()
