"""Pages of phone books: what keeps a book from a site, and the button that mends it."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from ringfence.hub.people.rights import Role
from ringfence.wire import paths
from ringfence.wire.messages import EdgeHealth
from support.running_hub import RunningHub
from web.conftest import People

pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]


def test_the_address_that_an_edge_says_is_taken_by_a_button(
    people: People, running: RunningHub, tmp_path: Path
) -> None:
    site = running.site("Room without an address")
    running.phone(site, "00:1B:54:C2:E2:01")
    edge = running.enrol(site, tmp_path / "edge")
    assert edge.post(paths.HEALTH, EdgeHealth(edge.hub.clock(), http_addresses=("192.168.7.2:6970",))).status == 200
    page = people.person(Role.OPERATOR).page
    page.goto(f"/sites/{site}")
    expect(page.get_by_text("HTTP at 192.168.7.2:6970, as it says")).to_be_visible()
    expect(page.get_by_text("Phones here do not get their phone books")).to_have_count(0)
    made = running.do("POST", "/phone-books", {"name": "In rooms", "sites": [site]})["id"]
    page.goto("/phone-books")
    expect(page.get_by_text("1 site without edge_url")).to_be_visible()
    page.goto(f"/phone-books/{made}")
    expect(page.get_by_text(f"ringfence set site {site} edge_url=http://192.168.7.2:6970")).to_be_visible()
    page.goto(f"/edges/{edge.response.edge_id}")
    expect(page.get_by_text("phones in its room reach it at 192.168.7.2:6970, as it says")).to_be_visible()
    page.goto(f"/sites/{site}")
    page.get_by_role("link", name="Take http://192.168.7.2:6970").click()
    expect(page.get_by_label("Value")).to_have_value("http://192.168.7.2:6970")
    assert running.do("GET", f"/settings/sites/{site}")["items"] == [], "the form alone sets nothing"
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_be_visible()
    page.goto(f"/sites/{site}")
    expect(page.get_by_text("Phones here do not get their phone books")).to_have_count(0)
    page.goto(f"/phone-books/{made}")
    expect(page.get_by_role("heading", name="In rooms")).to_be_visible()
    expect(page.get_by_text("Sites that do not have it")).to_have_count(0)
    running.do("DELETE", f"/phone-books/{made}")
