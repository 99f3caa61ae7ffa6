"""Signing in: who gets a session, who gets none, and what guessers learn and cost."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import select

from ringfence.hub import within
from ringfence.hub.core import Hub
from ringfence.hub.errors import NameRefused
from ringfence.hub.fleet import browser_names, organisations, passwords, people, sessions
from ringfence.hub.fleet.sign_in_throttle import Counted, SignInThrottle, network_key
from ringfence.hub.people.sign_ins import SignIns
from ringfence.hub.sign_in_errors import (
    LastOwner,
    PasswordRefused,
    PersonTaken,
    SignInRefused,
    TooManySignIns,
)
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import AuditEntryRow
from ringfence.hub.store.people_models import PersonRow, SessionRow
from ringfence.secret import Secret
from support.signing_in import (
    CHEAP,
    PASSWORD,
    clock_of,
    code_at,
    is_over,
    person,
    problem,
    sign_in,
    visitor,
    who,
    with_app,
)

pytestmark = pytest.mark.usefixtures("cheap")

WRONG = Secret("not the password")


def test_somebody_signs_in_and_out(idle: Hub, sign_ins: SignIns) -> None:
    anna = person(idle, "anna@example.org", "operator")
    signed_in = sign_in(sign_ins, " ANNA@example.org")
    assert who(idle, signed_in.session) == "anna@example.org"
    assert signed_in.browser.people == (anna.id,)
    with idle.change("test") as change:
        (row,) = sessions.of_person(change.session, anna.id, change.now)
        assert (row.address, row.agent) == ("192.0.2.10", "Test/1.0")
        sessions.end(change, row)
    assert is_over(idle, signed_in.session)


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox 140 on Linux"),
        (
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 "
                "Safari/537.36 Edg/142.0.0.0"
            ),
            "Edge 142 on Windows",
        ),
        (
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
                "Version/18.5 Mobile/15E148 Safari/604.1"
            ),
            "Safari 18 on iPhone",
        ),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/142.0 Safari/537.36", "Chrome 142 on Android"),
        ("Lynx/2.9\x1b[31m", "Lynx/2.9\N{REPLACEMENT CHARACTER}[31m"),
        ("", ""),
        ("x" * 5000, "x" * 120),
    ],
)
def test_a_browser_is_called_what_people_call_it(agent: str, name: str) -> None:
    assert browser_names.in_short(agent) == name


def test_nobody_learns_whether_a_name_exists(idle: Hub, sign_ins: SignIns) -> None:
    person(idle, "anna")
    person(idle, "invited", password=None)
    with idle.change("test") as change:
        people.disable(change, people.add(change, "gone", "", "operator", is_hubwide=False))
    told = {problem(sign_ins, name, WRONG) for name in ("anna", "nobody", "invited", "gone", "", "x" * 3000)}
    told |= {problem(sign_ins, "anna", PASSWORD, "nowhere"), problem(sign_ins, "invited", Secret(""))}
    assert len(told) == 1


def test_as_much_is_hashed_for_a_name_that_nobody_has(
    idle: Hub, sign_ins: SignIns, monkeypatch: pytest.MonkeyPatch
) -> None:
    person(idle, "anna")
    checked: list[str] = []

    class Watched:
        def verify(self, kept: str, text: str) -> bool:
            checked.append(kept.rpartition("$")[0].rpartition("$")[0])  # the algorithm and its cost
            return CHEAP.verify(kept, text)

        def hash(self, text: str) -> str:
            return CHEAP.hash(text)

    monkeypatch.setattr(passwords, "HASHER", Watched())
    for name in ("anna", "nobody"):
        problem(sign_ins, name, WRONG)
    assert len(checked) == 2
    assert len(set(checked)) == 1


def test_many_wrong_passwords_from_many_networks_cost_the_owner_nothing_in_a_known_browser(
    idle: Hub, sign_ins: SignIns
) -> None:
    person(idle, "anna")
    known = sign_in(sign_ins, "anna").browser
    looked_at = 0
    for number in range(1000):
        try:
            sign_ins.with_password("", "anna", WRONG, visitor(f"203.0.{number % 250}.{number // 250}"))
        except TooManySignIns:
            pass
        except SignInRefused:
            looked_at += 1
    assert looked_at <= 20
    with pytest.raises(TooManySignIns):
        sign_in(sign_ins, "anna", visitor("198.51.100.1"))
    own = visitor("203.0.1.1", sign_ins.browser(sign_ins.browser_cookie(known)))
    assert who(idle, sign_in(sign_ins, "anna", own).session) == "anna"


def test_a_stolen_cookie_of_a_known_browser_allows_few_guesses(idle: Hub, sign_ins: SignIns) -> None:
    person(idle, "anna")
    known = sign_in(sign_ins, "anna").browser
    looked_at = 0
    for _ in range(100):
        try:
            sign_in(sign_ins, "anna", visitor("203.0.113.1", known), WRONG)
        except TooManySignIns:
            pass
        except SignInRefused:
            looked_at += 1
    assert looked_at <= 20


def test_a_browser_is_known_for_those_who_signed_in_there_alone(idle: Hub, sign_ins: SignIns) -> None:
    for name in ("anna", "ben"):
        person(idle, name)
    known = sign_in(sign_ins, "anna").browser
    for _ in range(5):
        with pytest.raises(SignInRefused):
            sign_in(sign_ins, "ben", visitor("203.0.113.1", known), WRONG)
    with pytest.raises(TooManySignIns):
        sign_in(sign_ins, "ben", visitor("203.0.113.2", known))


@pytest.mark.parametrize("cookie", ["", "x", "AAAA" * 30, "ä", "\0" * 40, "A" * 100_000])
def test_a_cookie_that_this_hub_did_not_make_is_a_new_browsers(sign_ins: SignIns, cookie: str) -> None:
    assert sign_ins.browser(cookie).people == ()


def test_many_tries_at_once_are_counted_before_they_are_looked_at() -> None:
    throttle = SignInThrottle()
    key = (Counted.NAME, "anna")

    def attempt(_number: int) -> bool:
        try:
            throttle.begin([key], 1000.0)
        except TooManySignIns:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(200))) == Counted.NAME.free


def test_waits_grow_and_have_an_end() -> None:
    throttle, now = SignInThrottle(), 1000.0
    waits = []
    for _ in range(40):
        try:
            throttle.begin([(Counted.NAME, "anna")], now)
        except TooManySignIns as refused:
            waits.append(refused.wait_s)
            now += refused.wait_s
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (1, 900)
    throttle.begin([(Counted.NAME, "anna")], now + 3601)
    throttle.begin([(Counted.NAME, "anna")], now + 3601)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.200", True),
        ("192.0.2.1", "192.0.3.1", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.9", True),
        ("", "", True),
    ],
)
def test_a_network_counts_as_one(one: str, other: str, same: bool) -> None:
    assert (network_key(one) == network_key(other)) is same


def test_refused_sign_ins_are_written_down_once_a_burst_without_what_was_typed(idle: Hub, sign_ins: SignIns) -> None:
    anna = person(idle, "anna")
    for _ in range(4):
        problem(sign_ins, "anna", WRONG)
        with pytest.raises(SignInRefused):
            sign_in(sign_ins, "my password by mistake", visitor("198.51.100.1"), WRONG)
    with idle.database.reading() as session:
        rows = session.scalars(select(AuditEntryRow).where(AuditEntryRow.action == "sign-in.refused")).all()
    assert [(row.subject, row.address) for row in rows] == [(anna.id, "192.0.2.10"), ("198.51.100.1", "198.51.100.1")]
    assert not any("mistake" in row.detail for row in rows)


def test_guessed_names_fill_no_audit_log(idle: Hub, sign_ins: SignIns) -> None:
    for number in range(200):
        with pytest.raises((SignInRefused, TooManySignIns)):
            sign_in(sign_ins, f"guessed-{number}", password=WRONG)
    with idle.database.reading() as session:
        rows = session.scalars(select(AuditEntryRow).where(AuditEntryRow.action == "sign-in.refused")).all()
    assert len(rows) == 1


def test_a_session_ends_by_itself_unused_or_old(idle: Hub, sign_ins: SignIns) -> None:
    anna, clock = person(idle, "anna"), clock_of(idle)
    unused, used = sign_in(sign_ins, "anna").session, sign_in(sign_ins, "anna").session
    for _ in range(20):
        clock.ahead_s += sessions.IDLE_S - 60
        if is_over(idle, used):
            break
        with idle.database.writing() as session:
            row = sessions.authenticate(session, used.reveal(), idle.clock())[0]
            sessions.note_use(session, row.id, idle.clock())
    assert sessions.LONGEST_S - sessions.IDLE_S < clock.ahead_s < sessions.LONGEST_S + sessions.IDLE_S
    assert is_over(idle, unused)
    sign_in(sign_ins, "anna")
    with idle.database.reading() as session:
        assert len(session.scalars(select(SessionRow).where(SessionRow.person_id == anna.id)).all()) == 1


def test_a_session_of_a_clock_that_was_a_year_ahead_ends_when_the_clock_is_right_again(
    idle: Hub, sign_ins: SignIns
) -> None:
    clock = clock_of(idle)
    person(idle, "anna")
    with clock.forward(365 * 86_400):
        ahead = sign_in(sign_ins, "anna").session
        assert who(idle, ahead) == "anna"
    assert is_over(idle, ahead)
    with clock.forward(3600):
        later = sign_in(sign_ins, "anna").session
    assert who(idle, later) == "anna"  # an hour is no reason to sign everybody out
    with idle.database.reading() as session:
        assert len(session.scalars(select(SessionRow)).all()) == 1


def test_refusals_of_a_clock_that_was_ahead_make_nobody_wait() -> None:
    throttle, key = SignInThrottle(), (Counted.NAME, "anna")
    for _ in range(5):
        throttle.begin([key], 1e9)
    assert throttle.has_too_many(key, 1e9)
    assert not throttle.has_too_many(key, 1e9 - 365 * 86_400)


def test_one_person_has_a_bounded_number_of_sessions(idle: Hub, sign_ins: SignIns) -> None:
    anna = person(idle, "anna")
    made = []
    for _ in range(sessions.MOST_OF_ONE + 3):
        clock_of(idle).ahead_s += 1
        made.append(sign_in(sign_ins, "anna").session)
    assert [is_over(idle, each) for each in made] == [True] * 3 + [False] * sessions.MOST_OF_ONE
    with idle.database.reading() as session:
        assert len(sessions.of_person(session, anna.id, idle.clock())) == sessions.MOST_OF_ONE


@pytest.mark.parametrize("what", ["disable", "remove", "role", "password", "organisation"])
def test_what_takes_rights_away_ends_sessions_at_the_next_request(idle: Hub, sign_ins: SignIns, what: str) -> None:
    with within.everywhere(idle).change("test") as change:
        organisations.create(change, "acme", "ACME")
    acme = within.organisation(idle, "acme")
    person(acme, "owner")
    anna = person(acme, "anna", "operator")
    cookie = sign_ins.with_password("acme", "anna", PASSWORD, visitor()).session
    assert who(idle, cookie) == "anna"
    if what == "organisation":
        with within.everywhere(idle).change("test") as change:
            organisations.remove(change, "acme", with_all=True)
    else:
        with acme.change("test") as change:
            row = people.get(change.session, anna.id, hubwide_too=False)
            match what:
                case "disable":
                    people.disable(change, row)
                case "remove":
                    people.remove(change, row)
                case "role":
                    people.change_role(change, row, "auditor")
                case "password":
                    people.keep_hash(change, row, passwords.hashed(WRONG))
    assert is_over(idle, cookie)


def test_names_are_an_organisations_own(idle: Hub, sign_ins: SignIns) -> None:
    with within.everywhere(idle).change("test") as change:
        organisations.create(change, "acme", "ACME")
    person(idle, "anna")
    person(within.organisation(idle, "acme"), "Anna", password=WRONG)
    assert who(idle, sign_in(sign_ins, "anna").session) == "anna"
    assert who(idle, sign_ins.with_password("acme", "anna", WRONG, visitor()).session) == "Anna"
    with pytest.raises(PersonTaken):
        person(idle, "ANNA")


@pytest.mark.parametrize("name", ["", " ", "two words", "x" * 81, "tab\there", "bidi\u202e"])
def test_a_name_that_can_be_none_is_refused(idle: Hub, name: str) -> None:
    with pytest.raises(NameRefused):
        person(idle, name)


def _make_operator(change: Change, row: PersonRow) -> None:
    people.change_role(change, row, "operator")


def test_the_last_owner_stays(idle: Hub) -> None:
    anna, ben = person(idle, "anna"), person(idle, "ben", "administrator")
    person(idle, "invited", password=None)
    for take in (people.disable, people.remove, _make_operator):
        with pytest.raises(LastOwner), idle.change("test") as change:
            take(change, change.session.get_one(PersonRow, anna.id))
    with idle.change("test") as change:
        people.change_role(change, change.session.get_one(PersonRow, ben.id), "owner")
        people.disable(change, change.session.get_one(PersonRow, anna.id))
    with pytest.raises(LastOwner), idle.change("test") as change:
        people.remove(change, change.session.get_one(PersonRow, ben.id))


def test_the_hub_keeps_an_owner_of_its_own(idle: Hub) -> None:
    anna = person(idle, "anna", is_hubwide=True)
    person(idle, "ben")
    with pytest.raises(LastOwner, match="last owner of the hub"), idle.change("test") as change:
        people.remove(change, change.session.get_one(PersonRow, anna.id))


def test_two_owners_who_remove_each_other_at_once_leave_one(idle: Hub) -> None:
    rows = [person(idle, "anna"), person(idle, "ben")]
    together = Barrier(2)

    def remove(row: PersonRow) -> bool:
        together.wait(60)
        try:
            with idle.change("test") as change:
                people.remove(change, change.session.get_one(PersonRow, row.id))
        except LastOwner:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(remove, rows)) == [False, True]


def test_who_is_signed_in_proves_again_who_they_are(idle: Hub, sign_ins: SignIns) -> None:
    anna, clock = person(idle, "anna"), clock_of(idle)
    key, _codes = with_app(idle, anna)
    pending = sign_in(sign_ins, "anna").session.reveal()
    cookie = sign_ins.with_second_step(pending, code_at(key, clock()), visitor()).session
    clock.ahead_s += 3600
    with within.everywhere(idle).database.reading() as session:
        row = sessions.authenticate(session, cookie.reveal(), clock())[0]
    for password, code in ((WRONG, code_at(key, clock())), (PASSWORD, ""), (PASSWORD, "000000x")):
        with pytest.raises(SignInRefused):
            sign_ins.confirm(idle, row.id, password, code)
    sign_ins.confirm(idle, row.id, PASSWORD, code_at(key, clock()))
    with within.everywhere(idle).database.reading() as session:
        assert sessions.authenticate(session, cookie.reveal(), clock())[0].confirmed_at == pytest.approx(
            clock(), abs=60
        )
    for _ in range(Counted.BROWSER.free):
        with pytest.raises(SignInRefused):
            sign_ins.confirm(idle, row.id, WRONG, "")
    with pytest.raises(TooManySignIns):
        sign_ins.confirm(idle, row.id, PASSWORD, "")


def test_another_password_ends_the_other_sessions(idle: Hub, sign_ins: SignIns) -> None:
    anna = person(idle, "anna")
    here, there = sign_in(sign_ins, "anna").session, sign_in(sign_ins, "anna").session
    with within.everywhere(idle).database.reading() as session:
        row = sessions.authenticate(session, here.reveal(), idle.clock())[0]
    with pytest.raises(SignInRefused):
        sign_ins.change_password(idle, row.id, WRONG, Secret("another four words"))
    with pytest.raises(PasswordRefused):
        sign_ins.change_password(idle, row.id, PASSWORD, Secret("short"))
    sign_ins.change_password(idle, row.id, PASSWORD, Secret("another four words"))
    assert (is_over(idle, here), is_over(idle, there)) == (False, True)
    assert who(idle, sign_in(sign_ins, "anna", password=Secret("another four words")).session) == anna.name
