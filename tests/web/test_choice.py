"""Which organisation somebody of the hub looks at, in a browser without JavaScript."""

import pytest

from ringfence.hub.fleet import passwords
from support import signing_in
from support.browsing import PlainBrowser, form_of
from support.running_hub import Answer, RunningHub

CHOICE = "__Host-ringfence-organisation"
ANNA = "anna@hub.example.org"


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "HASHER", signing_in.CHEAP)


@pytest.fixture(scope="module")
def acme(running: RunningHub) -> str:
    running.do("POST", "/organisations", {"id": "acme", "name": "ACME <b>Ltd</b>"})
    signing_in.person(running.hub, ANNA, is_hubwide=True)
    signing_in.person(running.hub, "ben@main.example.org")
    return "acme"


def signed_in(running: RunningHub, name: str = ANNA) -> PlainBrowser:
    browser = PlainBrowser(running)
    answer = browser.submit("/sign-in", name=name, password=signing_in.PASSWORD.reveal())
    assert answer.status == 303, answer.data
    return browser


def look_at(browser: PlainBrowser, organisation: str) -> None:
    answer = browser.submit("/account/organisation", "/account/organisation", organisation=organisation)
    assert answer.status == 303, answer.data


def _fields(shown: Answer) -> dict[str, str]:
    return form_of(shown)[1]


def names(running: RunningHub, organisation: str) -> list[str]:
    headers = {"Ringfence-Organisation": organisation}
    return [each["name"] for each in running.ask("GET", "/sites", headers=headers).json["items"]]


def test_pages_are_about_the_organisation_that_is_chosen(running: RunningHub, acme: str) -> None:
    browser = signed_in(running)
    assert b"ACME" not in browser.get("/").data
    look_at(browser, acme)
    assert b"ACME &lt;b&gt;Ltd&lt;/b&gt;" in browser.get("/sites").data
    assert browser.submit("/sites/-/new", name="At ACME").status == 303
    assert names(running, acme) == ["At ACME"]
    assert "At ACME" not in names(running, "main")
    assert browser.get("/account").status == 200, "one's account is one's own organisation's"
    look_at(browser, "main")
    assert CHOICE not in browser.cookies
    assert b"ACME" not in browser.get("/sites").data


def test_a_form_of_an_older_tab_changes_nothing_in_another_organisation(running: RunningHub, acme: str) -> None:
    browser = signed_in(running)
    older_tab = browser.get("/sites/-/new")
    look_at(browser, acme)
    answer = browser.post("/sites/-/new", {**_fields(older_tab), "name": "Lost and found"})
    assert answer.status == 409
    assert b"This is about another organisation" in answer.data
    assert b"Nothing was changed." in answer.data
    assert "Lost and found" not in names(running, acme) + names(running, "main")
    without = {name: text for name, text in _fields(older_tab).items() if name == "form_token"}
    assert browser.post("/sites/-/new", {**without, "name": "Lost and found"}).status == 409
    look_at(browser, "main")
    assert browser.post("/sites/-/new", {**_fields(older_tab), "name": "Lost and found"}).status == 303
    assert "Lost and found" in names(running, "main")


def test_nobody_elses_browser_chooses(running: RunningHub, acme: str) -> None:
    browser = signed_in(running, "ben@main.example.org")
    browser.cookies[CHOICE] = acme
    page = browser.get("/sites")
    assert page.status == 200
    assert b"ACME" not in page.data
    assert b"Organisations" not in page.data
    assert browser.get("/organisations").status == 403
    assert browser.get("/account/organisation").status == 403


def test_an_organisation_that_is_removed_is_left_and_its_people_are_signed_out(running: RunningHub, acme: str) -> None:
    assert acme
    running.do("POST", "/organisations", {"id": "brief", "name": "Brief"})
    headers = {"Ringfence-Organisation": "brief"}
    running.ask("POST", "/sites", {"name": "Here"}, headers=headers)
    invited = running.ask("POST", "/people", {"name": "cora@brief.example.org", "role": "owner"}, headers=headers)
    cora = PlainBrowser(running)
    path = "/" + invited.json["link"].split("/", 3)[3]
    password = signing_in.PASSWORD.reveal()
    assert cora.submit(path, display_name="Cora", password=password, again=password).status == 303
    assert cora.get("/sites").status == 200
    anna = signed_in(running)
    look_at(anna, "brief")
    asked = anna.get("/organisations/brief/remove")
    assert b"1 site, 0 phones and 0 edges" in asked.data
    fields = _fields(asked)
    fields.pop("with_all")
    refused = anna.post("/organisations/brief/remove", fields)
    assert (refused.status, b"still has 1 site" in refused.data) == (409, True)
    running.ask("POST", "/sites", {"name": "One more"}, headers=headers)
    stale = anna.post("/organisations/brief/remove", {**fields, "with_all": "yes"})
    assert (stale.status, b"2 sites" in stale.data) == (409, True), "more would go than was shown"
    agreed = {**_fields(stale), "with_all": "yes"}
    assert anna.post("/organisations/brief/remove", agreed).status == 303
    assert b"Brief" not in anna.get("/sites").data
    assert cora.get("/sites").headers["Location"].startswith("/sign-in")
    for text in ("brief", "nowhere", '"a\\000b"', "x" * 3000):
        anna.cookies[CHOICE] = text
        assert anna.get("/sites").status == 200, text
