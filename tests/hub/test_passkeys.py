"""Passkeys: who comes in with one, and that whatever is wrong with an answer lets nobody in."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from ringfence.errors import RingfenceError
from ringfence.hub import within
from ringfence.hub.core import Hub
from ringfence.hub.errors import NameRefused
from ringfence.hub.fleet import organisations, passkey_challenges, passkeys, people, sessions
from ringfence.hub.fleet.known_browsers import KnownBrowser
from ringfence.hub.fleet.relying_party import RelyingParty
from ringfence.hub.people.passkey_sign_ins import PasskeySignIns
from ringfence.hub.people.sign_in_tries import SignInTries
from ringfence.hub.people.sign_ins import SignIns
from ringfence.hub.people.visitors import SignedIn, Visitor
from ringfence.hub.sign_in_errors import (
    NotSignedIn,
    PasskeyRefused,
    PasskeysUnavailable,
    SignInRefused,
    TooManySignIns,
    UnknownPasskey,
)
from ringfence.hub.store.models import AuditEntryRow
from ringfence.hub.store.pages import Page
from ringfence.hub.store.people_models import PasskeyChallengeRow, PasskeyRow, PersonRow
from ringfence.secret import Secret
from support.running_hub import Clock
from support.signing_in import person, sign_in, visitor
from support.soft_authenticator import PRESENT, SoftAuthenticator

pytestmark = pytest.mark.usefixtures("cheap")

URL = "https://hub.example.org:8443"
HOST = "hub.example.org"


@pytest.fixture
def hub(idle: Hub) -> Hub:
    idle.people_url = URL
    return idle


@pytest.fixture
def ways(hub: Hub) -> PasskeySignIns:
    return PasskeySignIns(hub, SignInTries(hub))


def session_of(hub: Hub, row: PersonRow) -> str:
    with hub.change("test") as change:
        return sessions.start(change, row, address="192.0.2.10", agent="Test/1.0")[0].id


def device(origin: str = URL) -> SoftAuthenticator:
    return SoftAuthenticator(HOST, origin)


def with_passkey(hub: Hub, ways: PasskeySignIns, row: PersonRow, name: str = "Phone") -> SoftAuthenticator:
    """Somebody's device, with a passkey that was added."""
    made, its = device(), session_of(hub, row)
    ways.add(hub, row.id, its, made.create(json_of(ways.offer(hub, row.id, its))), name)
    return made


def json_of(options: object) -> dict[str, object]:
    """Options as they reach a browser."""
    return dict(json.loads(json.dumps(options)))


def come_in(ways: PasskeySignIns, by: SoftAuthenticator, how: Visitor | None = None, **wrong: object) -> SignedIn:
    how = how or visitor()
    asked = json_of(ways.challenge(how))
    return ways.sign_in(by.sign(asked, **wrong), how)  # type: ignore[arg-type] # one of the device's many faults


def who(hub: Hub, cookie: Secret) -> str:
    with within.everywhere(hub).database.reading() as session:
        return sessions.authenticate(session, cookie.reveal(), hub.clock())[1].name


def actions(hub: Hub) -> list[str]:
    with hub.database.reading() as session:
        return list(session.scalars(select(AuditEntryRow.action).order_by(AuditEntryRow.id)))


def test_somebody_signs_in_with_a_passkey_alone(hub: Hub, ways: PasskeySignIns) -> None:
    anna = person(hub, "anna", "operator")
    phone = with_passkey(hub, ways, anna)
    signed_in = come_in(ways, phone)
    assert who(hub, signed_in.session) == "anna"
    assert not signed_in.awaits_second_step
    assert signed_in.browser.people == (anna.id,)
    with hub.database.reading() as session:
        (row,) = passkeys.of_person(session, anna)
        entry = session.scalars(select(AuditEntryRow).where(AuditEntryRow.action == "sign-in")).one()
    assert (row.sign_count, row.is_synced, row.rp_id) == (1, True, HOST)
    assert "by passkey Phone" in entry.detail
    assert "passkey.add" in actions(hub)


def test_a_passkey_of_another_organisation_signs_in_to_that_one(hub: Hub, ways: PasskeySignIns) -> None:
    with hub.change("test") as change:
        organisations.create(change, "acme", "Acme")
    theirs = within.organisation(hub, "acme")
    carol = person(theirs, "carol", "operator")
    signed_in = come_in(ways, with_passkey(theirs, ways, carol))
    assert who(hub, signed_in.session) == "carol"


def test_what_a_browser_is_asked_for(hub: Hub, ways: PasskeySignIns) -> None:
    anna = person(hub, "anna")
    phone, its = with_passkey(hub, ways, anna), session_of(hub, anna)
    asked = json_of(ways.offer(hub, anna.id, its))
    assert asked["authenticatorSelection"] == {
        "residentKey": "required", "requireResidentKey": True, "userVerification": "required",
    }  # fmt: skip
    assert [each["type"] for each in asked["excludeCredentials"]] == ["public-key"]  # type: ignore[attr-defined] # JSON
    assert asked["rp"] == {"id": HOST, "name": hub.config.name}
    assert anna.name not in str(phone.user_handle)
    assert len(phone.user_handle) <= 64
    to_sign = json_of(ways.challenge(visitor()))
    assert (to_sign["rpId"], to_sign["userVerification"], to_sign["allowCredentials"]) == (HOST, "required", [])


def test_a_wrong_answer_lets_nobody_in(hub: Hub, ways: PasskeySignIns) -> None:
    anna, ben = person(hub, "anna"), person(hub, "ben")
    phone, other = with_passkey(hub, ways, anna), with_passkey(hub, ways, ben)
    wrong: list[dict[str, object]] = [
        {"origin": "https://hub.example.org"},
        {"origin": "https://hub.example.org:8443.evil.example"},
        {"origin": "http://hub.example.org:8443"},
        {"rp_id": "evil.example"},
        {"flags": PRESENT},
        {"flags": 0},
        {"kind": "webauthn.create"},
        {"handle": other.user_handle},
        {"with_handle": False},
    ]
    for number, each in enumerate(wrong):
        how = visitor(f"198.51.{number}.1", KnownBrowser(f"browser-{number}", (anna.id,)))
        with pytest.raises(SignInRefused):
            come_in(ways, phone, how, **each)
    phone.key, other.key = other.key, phone.key
    for number, each_device in enumerate((phone, other)):
        with pytest.raises(SignInRefused, match="signature"):
            come_in(ways, each_device, visitor(f"203.0.{number}.1"))
    assert "sign-in" not in actions(hub)


def test_a_challenge_is_good_once_and_for_one_browser_within_minutes(hub: Hub, ways: PasskeySignIns) -> None:
    phone = with_passkey(hub, ways, person(hub, "anna"))
    asked = json_of(ways.challenge(visitor()))
    answer = phone.sign(asked)
    with pytest.raises(SignInRefused, match="was not asked for"):
        ways.sign_in(answer, visitor(browser=KnownBrowser("another")))
    assert who(hub, ways.sign_in(answer, visitor()).session) == "anna"
    with pytest.raises(SignInRefused, match="answered before"):
        ways.sign_in(answer, visitor())
    older = json_of(ways.challenge(visitor()))
    ways.challenge(visitor())
    with pytest.raises(SignInRefused, match="challenge"):
        ways.sign_in(phone.sign(older), visitor())
    late = json_of(ways.challenge(visitor()))
    assert isinstance(hub.clock, Clock)
    with hub.clock.forward(301), pytest.raises(SignInRefused, match="took too long"):
        ways.sign_in(phone.sign(late), visitor())


def test_a_wrong_answer_uses_its_challenge_up(hub: Hub, ways: PasskeySignIns) -> None:
    phone = with_passkey(hub, ways, person(hub, "anna"))
    asked = json_of(ways.challenge(visitor()))
    for answer in (phone.sign(asked, flags=PRESENT), phone.sign(asked)):
        with pytest.raises(SignInRefused):
            ways.sign_in(answer, visitor())


def test_a_challenge_of_one_purpose_is_good_for_no_other(hub: Hub, ways: PasskeySignIns) -> None:
    anna = person(hub, "anna")
    phone, its = with_passkey(hub, ways, anna), session_of(hub, anna)
    answer = phone.sign(json_of(ways.challenge_again(hub, anna.id, its)))
    with pytest.raises(SignInRefused, match="was not asked for"):
        ways.sign_in(answer, visitor(browser=KnownBrowser(its)))
    offered = json_of(ways.offer(hub, anna.id, its))
    with pytest.raises(SignInRefused, match="was not asked for"):
        ways.confirm(hub, anna.id, its, phone.sign(offered))


def test_a_counter_that_goes_backwards_is_refused_and_written_down(hub: Hub, ways: PasskeySignIns) -> None:
    phone = with_passkey(hub, ways, person(hub, "anna"))
    phone.count = 40
    come_in(ways, phone)
    for back in (0, -1, -41):
        with pytest.raises(SignInRefused, match="backwards"):
            come_in(ways, phone, counts=back)
        phone.count = 41
    assert actions(hub).count("passkey.copied") == 3
    assert actions(hub).count("sign-in") == 1
    come_in(ways, phone)


def test_an_authenticator_that_does_not_count_is_as_good(hub: Hub, ways: PasskeySignIns) -> None:
    phone = with_passkey(hub, ways, person(hub, "anna"))
    for _time in range(3):
        come_in(ways, phone, counts=0)


def test_whoever_may_not_sign_in_does_not_by_passkey(hub: Hub, ways: PasskeySignIns) -> None:
    person(hub, "owner")
    anna = person(hub, "anna", "operator")
    phone = with_passkey(hub, ways, anna)
    with hub.change("test") as change:
        people.disable(change, change.session.get_one(PersonRow, anna.id))
    with pytest.raises(SignInRefused, match="lets nobody in"):
        come_in(ways, phone)
    with hub.change("test") as change:
        people.enable(change, change.session.get_one(PersonRow, anna.id))
    come_in(ways, phone)
    with hub.change("test") as change:
        people.remove(change, change.session.get_one(PersonRow, anna.id))
    with pytest.raises(SignInRefused, match="lets nobody in"):
        come_in(ways, phone)
    with hub.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(PasskeyRow)) == 0


def test_the_throttle_holds_for_passkeys_and_passwords_together(hub: Hub, ways: PasskeySignIns) -> None:
    phone, passwords_too = with_passkey(hub, ways, person(hub, "anna")), SignIns(hub, ways._tries)
    assert isinstance(hub.clock, Clock)
    with hub.clock.stopped():
        for number in range(3):
            with pytest.raises(SignInRefused):
                come_in(ways, phone, visitor(f"198.51.{number}.1"), flags=PRESENT)
            with pytest.raises(RingfenceError):
                sign_in(passwords_too, "anna", visitor(f"203.0.{number}.1"), Secret("not the password"))
        with pytest.raises(TooManySignIns):
            come_in(ways, phone, visitor("198.51.99.1"))
    assert actions(hub).count("sign-in.refused") >= 1


def test_a_network_that_asks_and_never_answers_has_to_wait(hub: Hub, ways: PasskeySignIns) -> None:
    assert isinstance(hub.clock, Clock)
    with hub.clock.stopped():
        for number in range(30):
            ways.challenge(visitor(browser=KnownBrowser(f"browser-{number}")))
        with pytest.raises(TooManySignIns):
            ways.challenge(visitor(browser=KnownBrowser("one-more")))
        ways.challenge(visitor("203.0.113.9"))


def test_challenges_are_bounded_in_number(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passkey_challenges, "MOST", 5)
    purpose = passkey_challenges.Purpose.SIGN_IN
    for number in range(12):
        with hub.database.writing() as session:
            passkey_challenges.create(session, f"browser-{number}", purpose, hub.clock() + number)
    with hub.database.reading() as session:
        left = session.scalars(select(PasskeyChallengeRow.asker)).all()
    assert sorted(left) == sorted(f"browser-{number}" for number in range(7, 12))
    with hub.database.writing() as session:
        passkey_challenges.create(session, "later", purpose, hub.clock() + 1000)
        assert session.scalars(select(PasskeyChallengeRow.asker)).all() == ["later"]


def test_a_passkey_that_is_not_right_is_not_added(hub: Hub, ways: PasskeySignIns) -> None:
    anna, ben = person(hub, "anna"), person(hub, "ben")
    its = session_of(hub, anna)
    wrong: list[dict[str, object]] = [
        {"origin": "https://evil.example"}, {"flags": PRESENT}, {"fmt": "android-key"}, {"fmt": "unknown"},
    ]  # fmt: skip
    for each in wrong:
        with pytest.raises(PasskeyRefused):
            ways.add(hub, anna.id, its, device().create(json_of(ways.offer(hub, anna.id, its)), **each), "Phone")  # type: ignore[arg-type] # as above
    made = device()
    answer = made.create(json_of(ways.offer(hub, anna.id, its)))
    for name in ("", " ", "x" * 61, "a\nb"):
        with pytest.raises(NameRefused):
            ways.add(hub, anna.id, its, answer, name)
    bens = session_of(hub, ben)
    ways.offer(hub, ben.id, bens)
    with pytest.raises(PasskeyRefused, match="challenge"):
        ways.add(hub, ben.id, bens, answer, "Phone")
    ways.add(hub, anna.id, its, answer, "Phone")
    with pytest.raises(PasskeyRefused, match="was not asked for"):
        ways.add(hub, anna.id, its, answer, "Again")
    with pytest.raises(PasskeyRefused, match="here already"):
        ways.add(hub, ben.id, bens, made.create(json_of(ways.offer(hub, ben.id, bens))), "Mine too")


def test_nobody_has_too_many(hub: Hub, ways: PasskeySignIns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passkeys, "MOST_OF_ONE", 2)
    anna = person(hub, "anna")
    for _time in range(2):
        with_passkey(hub, ways, anna)
    with pytest.raises(PasskeyRefused, match="more than 2"):
        with_passkey(hub, ways, anna)


def test_a_passkey_confirms_who_somebody_is(hub: Hub, ways: PasskeySignIns) -> None:
    anna, ben = person(hub, "anna"), person(hub, "ben")
    phone, other, its = with_passkey(hub, ways, anna), with_passkey(hub, ways, ben), session_of(hub, anna)
    assert isinstance(hub.clock, Clock)
    with hub.clock.forward(3600):
        for answer in (
            other.sign(json_of(ways.challenge_again(hub, anna.id, its))),
            phone.sign(json_of(ways.challenge_again(hub, anna.id, its)), flags=PRESENT),
            phone.sign(json_of(ways.challenge_again(hub, anna.id, its)), handle=other.user_handle),
        ):
            with pytest.raises(SignInRefused):
                ways.confirm(hub, anna.id, its, answer)
        with hub.database.reading() as session:
            assert hub.clock() - sessions.get(session, its, hubwide_too=True).confirmed_at >= 3600
        asked = json_of(ways.challenge_again(hub, anna.id, its))
        assert len(asked["allowCredentials"]) == 1  # type: ignore[arg-type] # JSON
        ways.confirm(hub, anna.id, its, phone.sign(asked, with_handle=False))
        with hub.database.reading() as session:
            assert hub.clock() - sessions.get(session, its, hubwide_too=True).confirmed_at < 600
    without = session_of(hub, person(hub, "carol"))
    with pytest.raises(PasskeyRefused, match="no passkey"):
        ways.challenge_again(hub, person(hub, "dora").id, without)


def test_names_are_changed_and_passkeys_removed(hub: Hub, ways: PasskeySignIns) -> None:
    anna, ben = person(hub, "anna"), person(hub, "ben")
    phone = with_passkey(hub, ways, anna)
    with hub.change("test") as change:
        (row,) = passkeys.find(change.session, anna, Page(10)).rows
        with pytest.raises(UnknownPasskey):
            passkeys.get(change.session, ben, row.id)
        passkeys.rename(change, row, " Key on the ring ")
        assert row.name == "Key on the ring"
        passkeys.remove(change, row)
    with pytest.raises(SignInRefused, match="lets nobody in"):
        come_in(ways, phone)
    assert {"passkey.rename", "passkey.remove"} <= set(actions(hub))


@pytest.mark.parametrize("url", ["https://192.0.2.1:8443", "https://[2001:db8::1]:8443", "https://127.0.0.1"])
def test_at_an_address_without_a_name_there_are_none(hub: Hub, ways: PasskeySignIns, url: str) -> None:
    hub.people_url = url
    with pytest.raises(PasskeysUnavailable, match="host name"):
        ways.challenge(visitor())
    with pytest.raises(PasskeysUnavailable):
        ways.sign_in("{}", visitor())


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://hub.example.org:443", "https://hub.example.org"),
        ("https://hub.example.org", "https://hub.example.org"),
        ("https://hub.example.org:8443", "https://hub.example.org:8443"),
    ],
)
def test_the_origin_is_as_browsers_write_it(url: str, origin: str) -> None:
    found = RelyingParty.at(url, "Hub")
    assert found is not None
    assert (found.id, found.origin) == ("hub.example.org", origin)


def test_another_host_makes_passkeys_useless(hub: Hub, ways: PasskeySignIns) -> None:
    anna = person(hub, "anna")
    phone, its = with_passkey(hub, ways, anna), session_of(hub, anna)
    hub.people_url = "https://elsewhere.example.org"
    with pytest.raises(SignInRefused):
        come_in(ways, phone)
    with pytest.raises(SignInRefused):
        come_in(ways, phone, visitor("198.51.100.1"), origin="https://elsewhere.example.org")
    with pytest.raises(PasskeyRefused, match="no passkey"):
        ways.challenge_again(hub, anna.id, its)
    with hub.database.reading() as session:
        assert passkeys.count_elsewhere(session, "elsewhere.example.org") == 1
        assert passkeys.count_elsewhere(session, HOST) == 0


GOOD = json.loads(device().sign({"challenge": "AAAA"}))
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=40), st.lists(st.text(), max_size=3))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(data=st.data())
def test_whatever_a_browser_sends_is_refused_and_breaks_nothing(hub: Hub, data: st.DataObject) -> None:
    """Anything at all, and answers of which one part is another: all are refused as such."""
    ways = PasskeySignIns(hub, SignInTries(hub))
    text = data.draw(st.one_of(st.text(max_size=200), st.just("[" * 9000), st.just("x" * 20_000), _bent()))
    ways.challenge(visitor())
    with pytest.raises(RingfenceError):
        ways.sign_in(text, visitor())
    party = ways.party()
    with pytest.raises(PasskeyRefused):
        party.created(text, b"challenge")


@st.composite
def _bent(draw: st.DrawFn) -> str:
    """Draw an answer of which one part is something else."""
    made = json.loads(json.dumps(GOOD))
    part = draw(st.sampled_from([made, made["response"]]))
    part[draw(st.sampled_from(sorted(part)))] = draw(LEAVES)
    return json.dumps(made)


def test_a_known_browser_is_not_held_up_by_others(hub: Hub, ways: PasskeySignIns) -> None:
    anna = person(hub, "anna")
    phone = with_passkey(hub, ways, anna)
    for number in range(8):
        with pytest.raises((SignInRefused, TooManySignIns)):
            come_in(ways, phone, visitor(f"198.51.{number}.1"), flags=PRESENT)
    assert who(hub, come_in(ways, phone, visitor(browser=KnownBrowser("hers", (anna.id,)))).session) == "anna"


def test_nothing_of_it_is_needed_to_sign_in_by_password(hub: Hub, ways: PasskeySignIns) -> None:
    anna = person(hub, "anna")
    with_passkey(hub, ways, anna)
    hub.people_url = "https://192.0.2.1"
    assert who(hub, sign_in(SignIns(hub), "anna").session) == "anna"
    with pytest.raises(NotSignedIn):
        who(hub, Secret("rfs_x"))
