"""Passwords: which will do, what their hashes cost, and how many are made at once."""

from concurrent.futures import ThreadPoolExecutor, as_completed
from threading import Event, Lock, Semaphore

import pytest
from argon2 import PasswordHasher

from ringfence.hub.core import Hub
from ringfence.hub.fleet import passwords
from ringfence.hub.people.sign_ins import SignIns
from ringfence.hub.sign_in_errors import (
    PasswordRefused,
    PasswordsBusy,
)
from ringfence.hub.store.people_models import PersonRow
from ringfence.secret import Secret
from support.signing_in import (
    PASSWORD,
    person,
    sign_in,
    who,
)

pytestmark = pytest.mark.usefixtures("cheap")


def test_the_cost_is_what_it_is_meant_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert (passwords.HASHER.memory_cost, passwords.HASHER.time_cost, passwords.HASHER.parallelism) == (65536, 3, 1)
    made = passwords.hashed(PASSWORD)
    assert made.startswith("$argon2id$v=19$m=65536,t=3,p=1$")
    assert not passwords.is_outdated(made)


def test_a_hash_of_another_cost_is_renewed_at_sign_in(
    idle: Hub, sign_ins: SignIns, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = person(idle, "anna")
    monkeypatch.setattr(passwords, "HASHER", PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    first = sign_in(sign_ins, "anna")
    assert who(idle, first.session) == "anna"
    with idle.database.reading() as session:
        assert "m=16,t=2" in session.get_one(PersonRow, anna.id).password_hash
    assert who(idle, sign_in(sign_ins, "anna").session) == "anna"


@pytest.mark.parametrize(
    "text", ["", "eleven char", "anna@example.org!", "ANNA and her dog", "a" * 40, "ü" * 8 + "abc", "x1y2" * 257]
)
def test_a_password_that_will_not_do_is_refused(text: str) -> None:
    with pytest.raises(PasswordRefused):
        passwords.check(Secret(text), "anna@example.org", "Anna")


@pytest.mark.parametrize("text", ["twelve chars", " spaces count ", "ein längeres Wort", "x1y2" * 256])
def test_any_characters_make_a_password(text: str) -> None:
    passwords.check(Secret(text), "bo@example.org", "B O")


def test_a_password_is_the_same_from_every_keyboard() -> None:
    made = passwords.hashed(Secret("u\u0308ber den Wolken"))
    assert passwords.is_right(made, Secret("über den Wolken"), passwords.STRANGERS)


def test_two_hashes_are_made_at_once_and_a_queue_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strangers fill their own queue; who is known still comes in."""
    go, lock, entered = Event(), Lock(), Semaphore(0)
    at_work: list[int] = []
    running = 0

    class Slow:
        def verify(self, _kept: str, _text: str) -> bool:
            nonlocal running
            with lock:
                running += 1
                at_work.append(running)
            entered.release()
            assert go.wait(60)
            with lock:
                running -= 1
            return True

    monkeypatch.setattr(passwords, "HASHER", Slow())
    monkeypatch.setattr(passwords, "STRANGERS", passwords.Lane())
    most = 1 + passwords.MOST_WAITING
    with ThreadPoolExecutor(3 * most) as pool:
        asked = [pool.submit(passwords.is_right, "x", PASSWORD, passwords.STRANGERS) for _ in range(2 * most)]
        assert entered.acquire(timeout=60)
        known = pool.submit(passwords.is_right, "x", PASSWORD, passwords.KNOWN)
        assert entered.acquire(timeout=60)
        busy = [next(done) for done in [as_completed(asked, timeout=60)] for _ in range(most)]
        assert all(isinstance(each.exception(), PasswordsBusy) for each in busy)
        go.set()
        assert known.result(60)
    assert sum(each.exception() is None for each in asked) == most
    assert max(at_work) == 2
