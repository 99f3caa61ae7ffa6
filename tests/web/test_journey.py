"""From nothing to a phone on its configuration, by pages alone, with real processes."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from stack import free_port, running_stack, wait_for
from web.conftest import PATIENCE_MS

MAC = "00:1B:54:C2:9A:77"


@pytest.mark.slow
@pytest.mark.needs("chromium")
def test_a_hub_of_nothing_serves_a_phone_and_nobody_types_more_than_one_command(
    browser: Browser, tmp_path: Path
) -> None:
    with running_stack(tmp_path) as stack:
        stack.make_hub()
        context = browser.new_context(base_url=stack.people_url, ignore_https_errors=True)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.goto(stack.ask("hub", "sign-in-link", str(stack.hub_folder))["link"])
        page.get_by_label("Name to sign in with").fill("anna@example.org")
        page.get_by_label("What you are called").fill("Anna")
        page.get_by_label("Password", exact=True).fill("a long walk to the lake")
        page.get_by_label("The same password again").fill("a long walk to the lake")
        page.get_by_role("button", name="Make the account").click()
        page.get_by_role("link", name="Set up the hub").click()
        page.get_by_label("Name of your organisation").fill("Anna's phones")
        page.get_by_label("Your first site").fill("Home office Anna")
        page.get_by_role("button", name="Go on to its edge").click()
        expect(page.locator(".organisation")).to_have_text("Anna's phones")
        token = page.locator("#enrol").inner_text().rpartition(" ")[2]
        stack.run("edge", "enrol", "-", "--folder", str(stack.edge_folder), stdin=token)
        expect(page.get_by_text("has joined")).to_be_visible()
        stack.start_edge()
        expect(page.get_by_text("It is connected.")).to_be_visible()
        stack.trust_loopback("home-office-anna")  # there is no wire that shows a MAC address
        page.goto("/sites/home-office-anna")
        page.get_by_role("link", name="Add a phone").click()
        page.get_by_label("MAC address").fill(MAC)
        page.get_by_label("Model").select_option("9971")
        page.get_by_role("button", name="Add the phone").click()
        page.get_by_label("SIP user").fill("201")
        page.get_by_label("Label").fill("Anna")
        page.get_by_role("button", name="Save").click()
        for path, value in (
            ("/settings/organisation/sip_server", "sip.example.org"),
            (f"/phones/{MAC}/settings/sip_listen_port", str(free_port())),
        ):
            page.goto(path)
            page.get_by_label("Value").fill(value)
            page.get_by_role("button", name="Save").click()
            expect(page.get_by_role("status")).to_have_text("Saved.")
        page.get_by_role("link", name="Publish", exact=True).first.click()
        page.get_by_role("button", name="Publish").click()
        expect(page.locator("h1")).to_contain_text("Published")
        wait_for("release 1 at the edge", lambda: stack.edge_status().get("release") == 1)
        page.goto(f"/phones/{MAC}")
        held = stack.phone(MAC, "9971", "--once").wait_for("holds")
        assert held["lines"][0]["label"] == "Anna"
        expect(page.locator("#activity")).to_contain_text(f"SEP{MAC.replace(':', '')}.cnf.xml")
        context.close()
