"""Drafts, groups and API tokens on pages."""

import pytest
from playwright.sync_api import expect

from ringfence.hub.people.rights import Role
from support.running_hub import RunningHub
from web.conftest import People, shot

pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]


def test_a_draft_is_approved_by_a_second_person_and_published(people: People, running: RunningHub) -> None:
    site, mac = running.site("Drafted"), "00:1B:54:C2:0F:01"
    running.phone(site, mac)
    running.publish(sites=[site])
    author, other = people.person(Role.OPERATOR).page, people.person(Role.ADMINISTRATOR).page
    author.goto("/drafts")
    author.get_by_label("Name").fill("New <i>names</i>")
    author.get_by_label("Others see it and may add to it").check()
    author.get_by_role("button", name="Create it").click()
    expect(author.locator("h1")).to_have_text("New <i>names</i>")
    draft = author.url.partition("?")[0].rpartition("/")[2]
    edit = running.ask(
        "PUT", f"/phones/{mac}/lines/1", {"label": "Drafted"}, token=people.token(Role.OPERATOR),
        headers={"Ringfence-Draft": draft},
    )  # fmt: skip
    assert edit.status < 300, edit.data
    running.do("PUT", "/drafts/approval", {"needed": True})
    try:
        author.reload()
        author.get_by_role("button", name="Make the edits and publish").click()
        expect(author.get_by_role("alert")).to_contain_text("is not approved")
        author.goto("/publish")
        if author.get_by_role("button", name="Publish").count():
            author.get_by_role("button", name="Publish").click()
            expect(author.get_by_role("alert")).to_contain_text("a second person has approved")
        other.goto(f"/drafts/{draft}")
        other.get_by_role("link", name="See what it changes").click()
        expect(other.locator(".lead")).to_have_text("1 phone at 1 site.")
        shot(other, "draft-preview")
        other.get_by_role("link", name="Back to the draft").click()
        other.get_by_role("button", name="Approve").click()
        expect(other.get_by_role("status")).to_contain_text("Approved.")
        author.goto(f"/drafts/{draft}")
        shot(author, "draft")
        author.get_by_role("button", name="Make the edits and publish").click()
        expect(author.get_by_role("status")).to_have_text("The edits are made and published.")
    finally:
        running.do("PUT", "/drafts/approval", {"needed": False})
    assert running.do("GET", f"/phones/{mac}/lines")["items"][0]["label"] == "Drafted"
    assert running.do("GET", f"/sites/{site}")["release"] == 2


def test_a_draft_is_discarded_after_a_question(people: People, running: RunningHub) -> None:
    draft = running.do("POST", "/drafts", {"name": "Not wanted", "shared": True})["id"]
    page = people.person(Role.OPERATOR).page
    page.goto(f"/drafts/{draft}")
    page.get_by_role("link", name="Discard").click()
    page.get_by_role("button", name="Discard it").click()
    assert running.ask("GET", f"/drafts/{draft}").status == 404


def test_a_group_with_phones_stays(people: People, known: dict[str, str]) -> None:
    page = people.person(Role.OPERATOR).page
    page.goto(f"/groups/{known['group']}/remove")
    page.get_by_role("button", name="Remove the group").click()
    expect(page.get_by_role("alert")).to_contain_text("has 1 phone")
    page.goto("/groups")
    page.get_by_label("Name").fill("Warehouse")
    page.get_by_role("button", name="Create it").click()
    page.get_by_role("link", name="Remove Warehouse").click()
    page.get_by_role("button", name="Remove the group").click()
    expect(page.get_by_role("status")).to_have_text("Removed.")


def test_a_token_is_shown_once_and_gives_no_more_than_its_giver_has(people: People, running: RunningHub) -> None:
    page = people.person(Role.ADMINISTRATOR).page
    page.goto("/api-tokens")
    assert "owner" not in page.get_by_label("Role").locator("option").all_inner_texts()
    page.get_by_label("Name").fill("A script")
    page.get_by_label("Role").select_option("read")
    page.get_by_label("It ends in").fill("30")
    page.get_by_role("button", name="Create it").click()
    text = page.locator("#token").inner_text()
    assert running.ask("GET", "/whoami", token=text).json["role"] == "read"
    page.get_by_role("link", name="I have it").click()
    assert text not in page.content()
    page.get_by_role("link", name="Revoke A script").click()
    page.get_by_role("button", name="Revoke it").click()
    expect(page.get_by_role("status")).to_have_text("Revoked.")
    assert running.ask("GET", "/whoami", token=text).status == 401
