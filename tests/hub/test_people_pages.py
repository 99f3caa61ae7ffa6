"""The pages on which people sign in and look after their account, as a browser without JavaScript has them."""

import re
from html import unescape

import pytest

from ringfence.hub.fleet import passwords, sessions
from ringfence.hub.people.callers import COOKIE
from ringfence.hub.store.people_models import PersonRow
from ringfence.hub.web.sign_in.typed import own_path
from ringfence.secret import Secret
from support.browsing import PlainBrowser
from support.running_hub import Answer, RunningHub
from support.signing_in import CHEAP, PASSWORD, code_at, link, person

_numbers = iter(range(1000))
EVIL = "https://evil.example"


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "HASHER", CHEAP)


@pytest.fixture
def browser(running: RunningHub) -> PlainBrowser:
    return PlainBrowser(running)


@pytest.fixture
def anna(running: RunningHub) -> PersonRow:
    return person(running.hub, f"anna-{next(_numbers)}", is_hubwide=True)


def sign_in(browser: PlainBrowser, row: PersonRow, path: str = "/sign-in", **typed: str) -> Answer:
    return browser.submit(path, name=row.name, **{"password": PASSWORD.reveal(), **typed})


def signed_in(running: RunningHub, row: PersonRow) -> PlainBrowser:
    browser = PlainBrowser(running)
    assert browser.follow(sign_in(browser, row)).status == 200
    return browser


def text_of(answer: Answer) -> str:
    return unescape(re.sub(r"<[^>]*>", "", answer.data.decode()))


def test_somebody_is_led_to_sign_in_and_back_to_the_page(browser: PlainBrowser, anna: PersonRow) -> None:
    led = browser.get("/people?cursor=&x=1")
    assert led.headers["Location"] == "/sign-in?next=/people%3Fcursor%3D%26x%3D1"
    came = sign_in(browser, anna, led.headers["Location"])
    assert came.headers["Location"] == "/people?cursor=&x=1"
    assert "People" in text_of(browser.follow(came))
    attributes = browser.told[COOKIE].lower()
    for each in ("httponly", "secure", "samesite=lax", "path=/"):
        assert each in attributes
    assert "domain" not in attributes
    assert browser.running.at("GET", "/people", {}).json["kind"] == "not-signed-in", "a program is told as ever"


def test_signing_out_ends_the_session_for_a_stolen_cookie_too(
    running: RunningHub, browser: PlainBrowser, anna: PersonRow
) -> None:
    sign_in(browser, anna)
    thief = PlainBrowser(running, cookies=dict(browser.cookies))
    assert thief.get("/account").status == 200
    assert "You are signed out." in text_of(browser.follow(browser.submit("/account", "/account/sign-out")))
    assert COOKIE not in browser.cookies
    assert thief.get("/account").status == 303


def test_a_cookie_that_somebody_else_has_put_there_is_not_signed_in(
    running: RunningHub, browser: PlainBrowser, anna: PersonRow
) -> None:
    browser.get("/sign-in")
    browser.cookies[COOKIE] = "rfs_put-there-by-somebody-else"
    sign_in(browser, anna)
    assert browser.cookies[COOKIE] != "rfs_put-there-by-somebody-else"
    assert running.at("GET", "/account", {"Cookie": f"{COOKIE}=rfs_put-there-by-somebody-else"}).status == 401


def test_a_wrong_password_is_told_with_what_was_typed_but_the_password(browser: PlainBrowser, anna: PersonRow) -> None:
    refused = sign_in(browser, anna, "/sign-in?next=/people", password="wrong password", organisation="acme")
    assert refused.status == 401
    page = refused.data.decode()
    assert "Name or password is wrong." in page
    assert f'value="{anna.name}"' in page
    assert 'value="acme"' in page
    assert 'name="next" value="/people"' in page
    assert "wrong password" not in page
    assert COOKIE not in browser.cookies


def test_without_cookies_the_page_says_so(running: RunningHub, anna: PersonRow) -> None:
    refused = sign_in(PlainBrowser(running, keeps_cookies=False), anna)
    assert "This browser does not send our cookie back." in text_of(refused)
    code = link(running.hub, anna, asks_password=False).reveal()
    refused = PlainBrowser(running, keeps_cookies=False).submit(f"/sign-in/link?code={code}")
    assert "This browser does not send our cookie back." in text_of(refused)
    other = PlainBrowser(running)
    assert other.follow(other.submit(f"/sign-in/link?code={code}")).status == 200, "the link was not used up"


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example", "/%09/evil.example",
        "/%2Fevil.example", "javascript:alert(1)", "", "evil", "\\\\evil.example", "/\r\nSet-Cookie: x=y",
        "///evil.example",
        "/a" * 2000, "http:evil", "/ä", "/%5Cevil.example",
    ],
)  # fmt: skip
def test_a_sign_in_leads_to_this_hubs_own_pages_only(path: str) -> None:
    assert own_path(path) == "/"


@pytest.mark.parametrize("path", ["/", "/people", "/sites/berlin?search=a%20b&x=//y", "/phones/00:1B:54:C2:9A:10"])
def test_a_sign_in_leads_to_any_page_of_this_hub(path: str) -> None:
    assert own_path(path) == path


def test_no_other_site_signs_anybody_in_or_out(browser: PlainBrowser, anna: PersonRow) -> None:
    fields = {"name": anna.name, "password": PASSWORD.reveal()}
    browser.get("/sign-in")
    for headers in (
        {"Origin": EVIL, "Sec-Fetch-Site": "cross-site"},
        {"Origin": EVIL},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ):
        refused = browser.post("/sign-in", fields, **headers)
        assert (refused.status, COOKIE in browser.cookies) == (403, False)
    sign_in(browser, anna)
    assert browser.post("/account/sign-out", {"form_token": "x"}).status == 403
    assert browser.get("/account").status == 200


def test_what_was_typed_is_sent_after_signing_in_again_but_no_password(running: RunningHub, anna: PersonRow) -> None:
    browser = signed_in(running, anna)
    form = browser.get("/people/-/new")
    with running.clock.forward(sessions.LONGEST_S):
        typed = {
            "name": f"x-{next(_numbers)}",
            "display_name": "O'Brien \"& <b>\u05d0\n</b>",
            "new_password": "a secret",
        }
        ended = browser.submit(form, role="support", **typed)
        assert ended.status == 401
        assert "a secret" not in ended.data.decode()
        again = browser.submit(ended, name=anna.name, password=PASSWORD.reveal())
        assert "it has not been sent yet" in text_of(again)
        assert typed["display_name"] in text_of(again)
        done = browser.submit(again)
        assert done.status == 422, "a name with a line end is refused as it would have been"
        refilled = browser.submit(done, display_name="O'Brien", role="support")
        assert "A link for" in text_of(refilled)
    assert running.do("GET", f"/people/{typed['name']}")["display_name"] == "O'Brien"


def test_what_another_site_has_typed_is_not_kept(running: RunningHub, anna: PersonRow) -> None:
    browser = signed_in(running, anna)
    with running.clock.forward(sessions.LONGEST_S):
        planted = browser.post("/people/-/new", {"name": "planted"}, Origin=EVIL, **{"Sec-Fetch-Site": "cross-site"})
        assert planted.status == 401
        assert "planted" not in planted.data.decode()
        browser.cookies.pop(COOKIE)
        assert "planted" not in browser.post("/people/-/new", {"name": "planted"}).data.decode()


def test_an_invitation_leads_to_an_account(running: RunningHub, anna: PersonRow) -> None:
    browser, name = signed_in(running, anna), f"ben-{next(_numbers)}"
    shown = browser.submit("/people/-/new", name=name, display_name="Ben", role="operator")
    found = re.search(r"https://[^<\s]*(/sign-in/link\?code=[\w-]+)", text_of(shown))
    assert found is not None
    guest = PlainBrowser(running)
    assert "You sign in as" in text_of(guest.get(found[1]))
    differing = guest.submit(found[1], password="four words of ben", again="four words of Ben")
    assert "The two passwords differ." in text_of(differing)
    short = guest.submit(differing, password="short", again="short")
    assert "fewer than 12 characters" in text_of(short)
    assert 'value="Ben"' in short.data.decode()
    came = guest.submit(short, display_name="Ben B.", password="four words of it", again="four words of it")
    assert "Ben B." in text_of(guest.follow(came))
    assert "This link was used" in text_of(PlainBrowser(running).get(found[1]))
    assert "two steps" not in text_of(browser.get(f"/people/{name}"))


def test_a_link_shows_first_what_it_does_and_is_not_used_up_by_that(running: RunningHub, browser: PlainBrowser) -> None:
    row = person(running.hub, f"carla-{next(_numbers)}")
    code = link(running.hub, row, asks_password=False).reveal()
    for _ in range(3):
        assert browser.get(f"/sign-in/link?code={code}").status == 200
    assert browser.get("/sign-in/link").status == 200
    assert browser.get("/sign-in/link?code=wrong").status == 401
    assert browser.follow(browser.submit(f"/sign-in/link?code={code}")).status == 200


def test_a_second_step_is_set_up_used_and_taken_away(running: RunningHub, anna: PersonRow) -> None:
    browser = signed_in(running, anna)
    with running.clock.forward(sessions.CONFIRMED_FOR_S + 1):
        asked = browser.get("/account/second-step")
        assert asked.headers["Location"] == "/account/confirm?next=/account/second-step"
        confirm = browser.follow(asked)
        assert "The password is wrong." in text_of(browser.submit(confirm, password="wrong"))
        offer = browser.follow(browser.submit(confirm, password=PASSWORD.reveal()))
        assert "<svg" in offer.data.decode()
        found = re.search(r"<code>([A-Z2-7 ]{39})</code>", offer.data.decode())
        assert found is not None
        key = Secret(found[1].replace(" ", ""))
        refused = browser.submit(offer, code="000000x")
        assert "The hub's clock says" in text_of(refused)
        codes = re.findall(
            r"[a-z2-7]{4}(?:-[a-z2-7]{4}){3}", text_of(browser.submit(refused, code=code_at(key, running.clock())))
        )
        assert len(codes) == 10
        assert "10 recovery codes left" in text_of(browser.get("/account"))
        other = PlainBrowser(running)
        step = sign_in(other, anna, "/sign-in?next=/people")
        assert "Second step" in text_of(step)
        assert other.get("/account").status == 303
        assert "This code is wrong" in text_of(other.submit(step, code="123"))
        came = other.submit(step, code=codes[0])
        assert other.follow(came).status == 200
        assert came.headers["Location"] == "/people"
        new = browser.submit("/account", "/account/recovery-codes")
        assert codes[1] not in text_of(new)
        browser.submit("/account", "/account/second-step/remove")
        assert "password alone" in text_of(browser.get("/people"))


def test_people_look_after_their_own_sessions_and_password(running: RunningHub, anna: PersonRow) -> None:
    here, there, elsewhere = (signed_in(running, anna) for _ in range(3))
    page = here.get("/account")
    assert text_of(page).count("Plain/1.0") == 3
    ending = re.findall(r'action="(/account/sessions/session-\w+/end)"', page.data.decode())
    assert len(ending) == 2
    here.submit(page, ending[0])
    assert sorted(each.get("/account").status for each in (there, elsewhere)) == [200, 303]
    here.submit("/account", "/account/sessions/end")
    assert {each.get("/account").status for each in (there, elsewhere)} == {303}
    there = signed_in(running, anna)
    new = "another four words"
    assert "The password is wrong." in text_of(here.submit("/account/password", old="x", password=new, again=new))
    changed = here.submit("/account/password", old=PASSWORD.reveal(), password=new, again=new)
    assert "Your password is changed." in text_of(here.follow(changed))
    assert there.get("/account").status == 303
    ben = signed_in(running, person(running.hub, f"ben-{next(_numbers)}"))
    own = re.findall(r'action="(/account/sessions/session-\w+/end)"', here.get("/account").data.decode())
    assert own == []
    token = re.search(r'name="form_token" value="([^"]+)"', ben.get("/account").data.decode())
    assert token is not None
    assert ben.post(ending[0], {"form_token": token[1]}).status == 404


def test_people_are_changed_on_their_page(running: RunningHub, anna: PersonRow) -> None:
    browser, row = signed_in(running, anna), person(running.hub, f"dora-{next(_numbers)}", "support")
    path = f"/people/{row.id}"
    browser.submit(f"{path}/change", name=row.name, display_name="Dora D.", role="installer")
    assert running.do("GET", path)["role"] == "installer"
    assert "Dora D." in text_of(browser.get(path))
    browser.submit(path, f"{path}/disable")
    assert "disabled" in text_of(browser.get(path))
    browser.submit(path, f"{path}/enable")
    assert running.do("GET", path)["disabled_at"] is None
    assert "A link for" in text_of(browser.submit(path, f"{path}/invitation"))
    assert "can't be" not in text_of(browser.get(f"{path}/remove"))
    assert "Removed." in text_of(browser.follow(browser.submit(f"{path}/remove")))
    assert browser.get(path).status == 404
    support = signed_in(running, person(running.hub, f"eve-{next(_numbers)}", "support"))
    assert support.get("/people").status == 403
    assert "People" not in text_of(support.get("/"))
