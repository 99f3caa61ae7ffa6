"""Signing in by an app's codes and recovery codes, after the password."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from ringfence.hub.core import Hub
from ringfence.hub.fleet import second_steps
from ringfence.hub.people.sign_ins import MOST_SECOND_STEPS, SignIns
from ringfence.hub.sign_in_errors import (
    NotSignedIn,
    SecondStepRefused,
    SignInRefused,
)
from support.signing_in import (
    clock_of,
    code_at,
    is_over,
    person,
    sign_in,
    visitor,
    who,
    with_app,
)

pytestmark = pytest.mark.usefixtures("cheap")


def test_a_second_step_follows_the_password(idle: Hub, sign_ins: SignIns) -> None:
    anna = person(idle, "anna")
    key, _codes = with_app(idle, anna)
    first = sign_in(sign_ins, "anna")
    assert first.awaits_second_step
    assert is_over(idle, first.session)
    assert first.browser.people == ()
    second = sign_ins.with_second_step(first.session.reveal(), code_at(key, idle.clock()), visitor())
    assert who(idle, second.session) == "anna"
    assert is_over(idle, first.session), "a sign-in gets a secret of its own"
    with pytest.raises(NotSignedIn):
        sign_ins.with_second_step(first.session.reveal(), code_at(key, idle.clock() + 30), visitor())


def test_a_code_is_right_once_and_near_its_time(idle: Hub, sign_ins: SignIns) -> None:
    anna, clock = person(idle, "anna"), clock_of(idle)
    key, _codes = with_app(idle, anna)

    def is_taken(ahead_s: float) -> bool:
        pending = sign_in(sign_ins, "anna").session.reveal()
        try:
            sign_ins.with_second_step(pending, code_at(key, clock() + ahead_s), visitor())
        except SignInRefused:
            return False
        return True

    assert not is_taken(90)
    assert is_taken(30)
    assert not is_taken(30), "it was used"
    assert not is_taken(0), "it is from before one that was used"
    clock.ahead_s += 600
    assert not is_taken(-90)
    assert is_taken(-30)
    clock.ahead_s += 600
    assert is_taken(0)


def test_two_sign_ins_with_one_code_at_once_are_one(idle: Hub, sign_ins: SignIns) -> None:
    key, codes = with_app(idle, person(idle, "anna"))
    for code in (code_at(key, idle.clock()), codes[0]):
        pending = [sign_in(sign_ins, "anna").session.reveal() for _ in range(2)]
        together = Barrier(2)

        def finish(cookie: str, code: str = code, together: Barrier = together) -> bool:
            together.wait(60)
            try:
                sign_ins.with_second_step(cookie, code, visitor())
            except SignInRefused:
                return False
            return True

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(finish, pending)) == [False, True]


def test_recovery_codes_stand_in_for_the_app_once_each(idle: Hub, sign_ins: SignIns) -> None:
    anna = person(idle, "anna")
    _key, codes = with_app(idle, anna)
    assert len(set(codes)) == second_steps.RECOVERY_CODES
    pending = sign_in(sign_ins, "anna").session.reveal()
    sign_ins.with_second_step(pending, codes[3].upper().replace("-", " "), visitor())
    with idle.database.reading() as session:
        assert second_steps.recovery_codes_left(session, anna) == second_steps.RECOVERY_CODES - 1
    with pytest.raises(SignInRefused, match=r"The hub's clock says \d\d:\d\d:\d\d UTC"):
        sign_ins.with_second_step(sign_in(sign_ins, "anna").session.reveal(), codes[3], visitor())


def test_a_right_password_is_good_for_few_codes(idle: Hub, sign_ins: SignIns) -> None:
    key, _codes = with_app(idle, person(idle, "anna"))
    pending = sign_in(sign_ins, "anna").session.reveal()
    for number in range(MOST_SECOND_STEPS):
        with pytest.raises(NotSignedIn):
            sign_ins.with_second_step(pending, f"{number:06}x", visitor())
    with pytest.raises(NotSignedIn):
        sign_ins.with_second_step(pending, code_at(key, idle.clock()), visitor())


def test_an_offered_key_is_for_whom_it_was_offered(idle: Hub) -> None:
    anna, ben = person(idle, "anna"), person(idle, "ben")
    key = second_steps.new_key()
    offer = second_steps.seal_offer(idle.sealer, anna, key)
    assert second_steps.open_offer(idle.sealer, anna, offer) == key
    for row, text in ((ben, offer), (anna, offer[:-8]), (anna, "ä"), (anna, "")):
        with pytest.raises(SecondStepRefused):
            second_steps.open_offer(idle.sealer, row, text)
    with pytest.raises(SecondStepRefused, match="UTC"), idle.change("test") as change:
        second_steps.set_up(change, idle.sealer, anna, key, code_at(key, idle.clock() + 300))
    assert "issuer=The%20hub" in second_steps.address(key, "anna@x", "The hub").reveal()
