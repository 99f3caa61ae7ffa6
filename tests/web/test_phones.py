"""Pages of phones: what people see of one, and what they change."""

import pytest
from playwright.sync_api import expect

from ringfence.hub.people.rights import Role
from ringfence.wire import paths
from ringfence.wire.messages import Report, ReportBatch
from support.asked_statements import asked_by
from support.reporting_edge import ReportingEdge
from support.running_hub import RunningHub
from web.conftest import AWKWARD, MAC, People, shot

browsing = [pytest.mark.slow, pytest.mark.needs("chromium")]


class TestInABrowser:
    pytestmark = browsing

    def test_a_phone_is_added_with_its_line_and_a_setting(self, people: People, running: RunningHub) -> None:
        running.site("Reception desk")
        page = people.person(Role.OPERATOR).page
        page.goto("/phones/-/new")
        page.get_by_label("MAC address").fill("not an address")
        page.get_by_label("Site").fill("Reception desk")
        page.get_by_label("Model").select_option("9971")
        page.get_by_label("Description").fill(AWKWARD)
        page.get_by_role("button", name="Add the phone").click()
        expect(page.get_by_role("alert")).to_be_visible()
        expect(page.get_by_label("Description")).to_have_value(AWKWARD)
        page.get_by_label("MAC address").fill("001b.54c2.0d01")
        page.get_by_role("button", name="Add the phone").click()
        page.get_by_label("SIP user").fill("207")
        page.get_by_label("Label").fill("Front desk")
        page.get_by_role("button", name="Save").click()
        expect(page.locator("h1")).to_contain_text(AWKWARD)
        expect(page.locator("h1")).to_contain_text("00:1B:54:C2:0D:01")
        page.get_by_role("link", name="Settings", exact=True).last.click()
        page.get_by_label("Search").fill("sip_listen_port")
        page.get_by_role("button", name="Show").click()
        page.get_by_role("link", name="sip_listen_port", exact=True).click()
        page.get_by_label("Value").fill("70000")
        page.get_by_role("button", name="Save").click()
        expect(page.locator("#value-wrong")).to_be_visible()
        page.get_by_label("Value").fill("5077")
        page.get_by_role("button", name="Save").click()
        page.goto("/phones/00:1B:54:C2:0D:01/settings?search=sip_listen_port")
        row = page.locator("tr", has_text="5077")
        expect(row).to_contain_text("phone 00:1B:54:C2:0D:01")
        expect(row).to_contain_text("default of 9971")
        shot(page, "settings-inherited")

    def test_what_a_phone_does_appears_by_itself(
        self, people: People, running: RunningHub, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        site = running.site("Watched")
        mac = "00:1B:54:C2:0D:02"
        running.phone(site, mac)
        running.publish(sites=[site])
        edge = running.enrol(site, tmp_path_factory.mktemp("watched"))
        page = people.person(Role.SUPPORT).page
        page.goto(f"/phones/{mac}")
        expect(page.locator("#activity")).not_to_contain_text("<i>took it</i>")
        told = Report(
            1, running.clock(), "file-served", "Sent: <i>took it</i>", name="SEP001B54C20D02.cnf.xml",
            owner="001B54C20D02", release=1,
        )  # fmt: skip
        assert edge.post(paths.REPORTS, ReportBatch((told,), 0)).status == 200
        edge.pool.close()
        expect(page.locator("#activity")).to_contain_text("Sent: <i>took it</i>")
        assert page.locator("#activity i").count() == 0, "a sentence is text"
        shot(page, "phone-live")

    def test_support_is_offered_no_edits_and_sees_no_secret(self, people: People, known: dict[str, str]) -> None:
        page = people.person(Role.SUPPORT).page
        page.goto(f"/phones/{known['mac']}")
        assert page.locator(".actions a").all_inner_texts() == ["Reload", "Settings"]
        page.goto(f"/phones/{known['mac']}/settings")
        assert page.locator("tbody a").count() == 0

    def test_a_phone_is_blocked_and_let_in_again(self, people: People, running: RunningHub) -> None:
        mac = "00:1B:54:C2:0D:03"
        running.phone(running.site("Blocking"), mac)
        page = people.person(Role.OPERATOR).page
        page.goto(f"/phones/{mac}")
        page.get_by_role("link", name="Block", exact=True).click()
        page.get_by_role("button", name="Block it").click()
        assert running.do("GET", f"/phones/{mac}")["blocked"] is True
        page.get_by_role("link", name="Unblock").click()
        page.get_by_role("button", name="Unblock it").click()
        assert running.do("GET", f"/phones/{mac}")["blocked"] is False
        page.get_by_role("link", name="Remove").click()
        page.get_by_role("button", name="Remove the phone").click()
        assert running.ask("GET", f"/phones/{mac}").status == 404

    def test_a_phone_that_nobody_knows_is_let_in_from_its_card(
        self, people: People, running: RunningHub, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        site = running.site("Stranger here")
        edge = ReportingEdge(running, site, tmp_path_factory.mktemp("stranger"))
        edge.asks("file-refused", "001B54C20D04", "unknown-phone")
        page = people.person(Role.INSTALLER).page
        page.goto("/guard/waiting")
        card = page.locator("article", has_text="00:1B:54:C2:0D:04")
        shot(page, "discovered")
        card.get_by_role("link", name="Let it in").click()
        expect(page.get_by_label("Site")).to_have_value(site)
        page.get_by_label("Model").select_option("9971")
        page.get_by_role("button", name="Let it in").click()
        expect(page.get_by_role("status")).to_have_text("The phone is let in.")
        assert running.do("GET", "/phones/00:1B:54:C2:0D:04")["site"] == site

    def test_an_order_that_can_not_be_sent_says_why(self, people: People, known: dict[str, str]) -> None:
        page = people.person(Role.SUPPORT).page
        page.goto(f"/phones/{known['mac']}/reload")
        page.get_by_role("button", name="Send the order").click()
        expect(page.get_by_role("alert")).to_contain_text("can't be reached")


@pytest.mark.slow
def test_no_page_asks_more_of_the_database_in_a_larger_fleet(running: RunningHub, known: dict[str, str]) -> None:
    def fill(count: int, first: int) -> None:
        rows = [
            {"mac": f"00:1B:54:C3:{number >> 8:02X}:{number & 255:02X}", "site": sites[number % 5], "model": "9971"}
            for number in range(first, first + count)
        ]
        for row in rows:
            running.do("POST", "/phones", row)

    sites = [running.site(f"Of many {number}") for number in range(5)]
    shown = ["/", "/sites", f"/sites/{known['site']}", "/phones", f"/phones/{MAC}", f"/phones/{MAC}/settings",
             "/guard/alerts", "/guard/log", "/guard/waiting", "/settings/organisation"]  # fmt: skip
    fill(10, 0)
    few = {path: len(asked_by(running, path)) for path in shown}
    fill(190, 10)
    assert {path: len(asked_by(running, path)) for path in shown} == few
    assert max(few.values()) < 45


@pytest.mark.slow
@pytest.mark.needs("chromium")
def test_two_people_who_edit_the_same_phone_are_told_of_each_other(people: People, running: RunningHub) -> None:
    mac = "00:1B:54:C2:0D:05"
    running.phone(running.site("Edited twice"), mac)
    anna, ben = people.person(Role.OPERATOR).page, people.person(Role.ADMINISTRATOR).page
    for page in (anna, ben):
        page.goto(f"/phones/{mac}/change")
    anna.get_by_label("Description").fill("Anna's")
    anna.get_by_role("button", name="Save").click()
    expect(anna.get_by_role("status")).to_have_text("Saved.")
    ben.get_by_label("Description").fill("Ben's")
    ben.get_by_role("button", name="Save").click()
    expect(ben.get_by_role("alert")).to_contain_text("Somebody else has changed this")
    expect(ben.get_by_label("Description")).to_have_value("Ben's")
    assert running.do("GET", f"/phones/{mac}")["description"] == "Anna's"
    ben.get_by_role("button", name="Save").click()
    expect(ben.get_by_role("status")).to_have_text("Saved.")
    assert running.do("GET", f"/phones/{mac}")["description"] == "Ben's"


def test_a_method_that_a_page_does_not_have_is_answered_with_those_that_it_has(running: RunningHub) -> None:
    answer = running.raw("GET", "/guard/bans/192.0.2.1/end")
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    answer = running.raw("PUT", "/sites/-/new")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, POST")
