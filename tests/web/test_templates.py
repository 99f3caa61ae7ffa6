"""Edges, the guard's rules and templates on pages."""

import pytest
from playwright.sync_api import expect

from ringfence.hub.people.rights import Role
from support.running_hub import RunningHub
from web.conftest import People, shot

pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]


def test_a_template_is_tried_with_a_phone_and_faults_name_their_line(people: People, running: RunningHub) -> None:
    site, mac = running.site("Templates"), "00:1B:54:C2:10:01"
    running.phone(site, mac)
    password = running.do("POST", f"/phones/{mac}/lines/1/password/reveal")["password"]
    running.publish(sites=[site])
    page = people.person(Role.OPERATOR).page
    page.goto("/templates/cisco-99xx/device")
    source = page.get_by_label("Template").input_value()
    assert "<device>" in source
    page.get_by_label("Template").fill("line one\n{% if %}\n")
    page.get_by_role("button", name="Store it").click()
    expect(page.get_by_role("alert")).to_contain_text("line 2")
    expect(page.get_by_label("Template")).to_have_value("line one\n{% if %}\n")
    page.get_by_label("Template").fill(source.replace("<device>", "<device><tried>1</tried>"))
    page.get_by_label("Try it with the phone").fill(mac)
    page.get_by_role("button", name="See what it changes").click()
    expect(page.locator("#preview-title")).to_be_visible()
    page.locator("details.change summary").first.click()
    expect(page.locator(".diff .added", has_text="tried")).to_be_visible()
    assert password not in page.content()
    shot(page, "template-preview")
    assert running.do("GET", "/templates")["items"] == []
    page.get_by_role("button", name="Store it").click()
    expect(page.get_by_role("status")).to_contain_text("The template is stored.")
    page.get_by_role("link", name="device", exact=True).first.click()
    page.get_by_role("link", name="Remove it").click()
    page.get_by_role("button", name="Remove it").click()
    assert running.do("GET", "/templates")["items"] == []


def test_an_edge_is_revoked_after_a_question(
    people: People, running: RunningHub, tmp_path_factory: pytest.TempPathFactory
) -> None:
    edge = running.enrol(running.site("Revoked"), tmp_path_factory.mktemp("revoked"))
    edge.pool.close()
    page = people.person(Role.ADMINISTRATOR).page
    page.goto("/edges")
    page.goto(f"/edges/{edge.response.edge_id}")
    page.get_by_role("link", name="Revoke", exact=True).click()
    page.get_by_label("What it holds").select_option("wipe")
    page.get_by_role("button", name="Revoke it").click()
    expect(page.get_by_text("asked to delete what it holds")).to_be_visible()
    shown = running.do("GET", f"/edges/{edge.response.edge_id}")
    assert (shown["wipe"], shown["revoked_at"] is None) == (True, False)


def test_a_site_s_guard_is_changed(people: People, running: RunningHub) -> None:
    site = running.site("Guarded")
    page = people.person(Role.OPERATOR).page
    page.goto(f"/sites/{site}/guard")
    page.get_by_label("Secret").select_option("L4")
    page.get_by_label("Networks").fill("192.168.1.0/24\nno network")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Networks")).to_have_value("192.168.1.0/24\nno network")
    page.get_by_label("Networks").fill("192.168.1.0/24\n10.0.0.0/8")
    page.get_by_label("A phone that asks for the first time").select_option("hold")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_have_text("Saved.")
    policy = running.do("GET", f"/sites/{site}/guard")
    assert policy["networks"] == ["192.168.1.0/24", "10.0.0.0/8"]
    assert {each["kind"]: each["level"] for each in policy["needs"]}["secret"] == "L4"
    assert policy["first_contact"] == "hold"


def test_an_address_is_banned_and_a_window_opened(people: People, running: RunningHub) -> None:
    mac = "00:1B:54:C2:10:02"
    running.phone(running.site("Windowed"), mac)
    page = people.person(Role.OPERATOR).page
    page.goto("/guard/bans")
    page.get_by_label("Address").fill("203.0.113.99")
    page.get_by_label("Why").fill("it <b>asks</b> for all")
    page.get_by_role("button", name="Ban it").click()
    expect(page.locator("tbody tr", has_text="203.0.113.99")).to_contain_text("it <b>asks</b> for all")
    page.get_by_role("button", name="End the ban of 203.0.113.99").click()
    expect(page.locator("tbody tr", has_text="203.0.113.99")).to_have_count(0)
    page.goto(f"/phones/{mac}")
    page.get_by_role("link", name="Open a window").click()
    page.get_by_label("For").fill("a while")
    page.get_by_role("button", name="Open it").click()
    expect(page.locator("#minutes-wrong")).to_be_visible()
    page.get_by_label("For").fill("15")
    page.get_by_role("button", name="Open it").click()
    expect(page.locator("tbody tr", has_text=mac)).to_contain_text("in 14 minutes")
    page.get_by_role("button", name=f"Close the window of {mac}").click()
    expect(page.get_by_text("No window is open.")).to_be_visible()
