"""PBXes, alert channels and firmware on pages."""

import pytest
from playwright.sync_api import expect

from ringfence.hub.people.rights import Role
from support.running_hub import RunningHub
from web.conftest import LOAD, People

pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]


def test_a_pbx_is_added_checked_and_removed_and_its_secret_is_never_shown(people: People, running: RunningHub) -> None:
    page = people.person(Role.ADMINISTRATOR).page
    page.goto("/pbxes/-/new")
    page.get_by_label("Name").fill("Silver")
    page.get_by_label("Address").fill("http://192.0.2.10/RPC")
    page.get_by_label("Secret", exact=True).fill("Secret-of-silver-1")
    page.get_by_label("Realm").fill("sip.example.org")
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Realm")).to_have_value("sip.example.org")
    assert "Secret-of-silver-1" not in page.content()
    page.get_by_label("Address").fill("amis://127.0.0.1:1")
    page.get_by_label("Secret", exact=True).fill("Secret-of-silver-1")
    page.get_by_role("button", name="Add it").click()
    page.get_by_role("link", name="Check silver").click()
    page.get_by_role("button", name="Ask it").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.goto("/pbxes")
    page.get_by_role("link", name="Remove silver").click()
    page.get_by_role("button", name="Remove it").click()
    assert running.ask("DELETE", "/pbxes/silver").status == 404


def test_a_channel_s_key_is_shown_once(people: People, running: RunningHub) -> None:
    page = people.person(Role.ADMINISTRATOR).page
    page.goto("/alert-channels/-/new")
    page.get_by_label("Name").fill("Hook")
    page.get_by_label("Kind", exact=True).select_option("webhook")
    page.get_by_label("Address").fill("https://alerts.example.org/hook")
    page.get_by_label("Only these kinds of alerts").fill("edge-awey")
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_role("alert")).to_contain_text("edge-away")
    page.get_by_label("Only these kinds of alerts").fill("edge-away")
    page.get_by_role("button", name="Add it").click()
    key = page.locator("#key").inner_text()
    assert key.startswith("whsec_")
    page.get_by_role("link", name="I have it").click()
    assert key not in page.content()
    page.get_by_role("link", name="Remove hook").click()
    page.get_by_role("button", name="Remove it").click()
    assert running.ask("DELETE", "/alert-channels/hook").status == 404


def test_a_load_that_nobody_uses_is_deleted(people: People, running: RunningHub, known: dict[str, str]) -> None:
    assert known
    page = people.person(Role.OPERATOR).page
    page.goto(f"/firmware/{LOAD}")
    expect(page.get_by_text("No phone names it or waits for it.")).to_be_visible()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete it").click()
    expect(page.get_by_role("status")).to_have_text("Removed.")
    assert running.do("GET", "/firmware")["items"] == []
