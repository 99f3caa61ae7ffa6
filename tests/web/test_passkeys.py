"""Passkeys in a real browser: its own authenticator makes them, and somebody signs in with nothing else."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect

from ringfence.hub.fleet import passwords, sessions
from support.running_hub import RunningHub
from support.serving_hub import served_hub
from support.signing_in import CHEAP, person
from web.conftest import People
from web.test_signing_in import look, sign_in

pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """A hub with a name: browsers use no passkey at an address."""
    with served_hub(tmp_path_factory.mktemp("hub") / "data") as served:
        served.people_url = served.hub.people_url = served.people_url.replace("127.0.0.1", "localhost")
        yield served


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "HASHER", CHEAP)


class Device:
    """The browser's own authenticator, in place of a finger on a sensor."""

    def __init__(self, page: Page) -> None:
        self._cdp: CDPSession = page.context.new_cdp_session(page)
        self._cdp.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
            "isUserVerified": True, "automaticPresenceSimulation": True,
        }  # fmt: skip
        self._id = self._cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]

    def recognises(self, *, its_owner: bool) -> None:
        self._cdp.send("WebAuthn.setUserVerified", {"authenticatorId": self._id, "isUserVerified": its_owner})

    def passkeys(self) -> int:
        return len(self._cdp.send("WebAuthn.getCredentials", {"authenticatorId": self._id})["credentials"])


def add_passkey(page: Page, name: str) -> None:
    page.goto("/account/passkeys")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_text("The passkey is added")).to_be_visible()


def test_a_passkey_from_beginning_to_end(people: People, running: RunningHub) -> None:
    row = person(running.hub, "with-passkey", "operator")
    page = people.visitor().page
    device = Device(page)
    page.goto("/account")
    sign_in(page, "with-passkey")
    page.get_by_role("link", name="Add one").click()
    look(page, "own-passkeys")
    add_passkey(page, "Laptop")
    assert device.passkeys() == 1
    look(page, "own-passkeys-one")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("has a passkey of yours already")
    page.goto("/account")
    look(page, "own-account-with-passkey")
    page.get_by_role("button", name="Sign out").click()

    page.goto("/sites")
    assert page.url.endswith("/sign-in?next=/sites")
    look(page, "sign-in-with-passkey")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("link", name="With-Passkey")).to_be_visible()
    assert page.url.endswith("/sites")

    with running.clock.forward(sessions.CONFIRMED_FOR_S):
        page.goto("/account/passkeys")
        look(page, "confirm-with-passkey")
        page.get_by_role("button", name="Confirm with a passkey").click()
        expect(page.get_by_role("heading", name="Your passkeys")).to_be_visible()
        page.locator("summary", has_text="Change").click()
        page.get_by_label("Another name for Laptop").fill("Old laptop")
        page.get_by_role("button", name="Rename").click()
        expect(page.get_by_role("rowheader", name="Old laptop")).to_be_visible()
        page.locator("summary", has_text="Change").click()
        page.get_by_role("button", name="Remove").click()
        expect(page.get_by_text("You have no passkey yet.")).to_be_visible()
        page.goto("/account")
        page.get_by_role("button", name="Sign out").click()
        page.get_by_role("button", name="Sign in with a passkey").click()
        expect(page.get_by_role("alert").filter(has_text="lets nobody in")).to_be_visible()
    assert row.name == "with-passkey"


def test_a_device_that_does_not_know_its_owner_lets_nobody_in(people: People, running: RunningHub) -> None:
    person(running.hub, "not-known")
    page = people.visitor().page
    device = Device(page)
    page.goto("/account")
    sign_in(page, "not-known")
    add_passkey(page, "Laptop")
    page.goto("/account")
    page.get_by_role("button", name="Sign out").click()
    device.recognises(its_owner=False)
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("No passkey was chosen")
    look(page, "sign-in-passkey-not-chosen")
    device.recognises(its_owner=True)
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("link", name="Not-Known")).to_be_visible()


def test_an_administrator_removes_a_stolen_passkey(people: People, running: RunningHub) -> None:
    row = person(running.hub, "stolen", "operator")
    person(running.hub, "the-administrator", "administrator")
    thief = people.visitor().page
    Device(thief)
    thief.goto("/account")
    sign_in(thief, "stolen")
    add_passkey(thief, "Stolen laptop")
    page = people.visitor().page
    page.goto(f"/people/{row.id}")
    sign_in(page, "the-administrator")
    expect(page.get_by_text("Stolen laptop")).to_be_visible()
    look(page, "person-with-passkey")
    page.get_by_role("button", name="Remove", exact=True).click()
    expect(page.get_by_text("The passkey is removed, and their sessions have ended.")).to_be_visible()
    thief.goto("/account")
    assert thief.url.endswith("/sign-in?next=/account")
    thief.get_by_role("button", name="Sign in with a passkey").click()
    expect(thief.get_by_role("alert").filter(has_text="lets nobody in")).to_be_visible()


def test_without_a_script_people_are_told_and_sign_in_by_password(people: People, running: RunningHub) -> None:
    person(running.hub, "no-script")
    page = people.visitor(java_script_enabled=False).page
    page.goto("/sign-in?next=/account/passkeys")
    expect(page.get_by_text("Passkeys need JavaScript")).to_be_visible()
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_hidden()
    sign_in(page, "no-script")
    expect(page.get_by_text("Until then you sign in by your password.")).to_be_visible()
    expect(page.get_by_role("button", name="Add a passkey")).to_be_hidden()


def test_at_another_address_of_the_hub_people_are_led_to_the_right_one(browser: Browser, running: RunningHub) -> None:
    context = browser.new_context(ignore_https_errors=True)
    page = context.new_page()
    page.goto(running.people_url.replace("localhost", "127.0.0.1") + "/sign-in")
    expect(page.get_by_role("link", name=running.people_url)).to_be_visible()
    assert page.get_by_role("button", name="Sign in with a passkey").count() == 0
    context.close()
