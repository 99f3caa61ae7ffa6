"""People of a test's hub, and their browsers."""

import base64

import pytest
from argon2 import PasswordHasher
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from ringfence.hub import within
from ringfence.hub.core import Hub
from ringfence.hub.fleet import passwords, people, second_steps, sessions, sign_in_links
from ringfence.hub.fleet.known_browsers import KnownBrowser
from ringfence.hub.people.sign_ins import SignIns
from ringfence.hub.people.visitors import SignedIn, Visitor
from ringfence.hub.sign_in_errors import NotSignedIn, SignInRefused
from ringfence.hub.store.people_models import PersonRow
from ringfence.secret import Secret
from support.running_hub import Clock

PASSWORD = Secret("four words of a test")
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""Hashes that cost nothing, for tests that are about something else."""


def visitor(address: str = "192.0.2.10", browser: KnownBrowser | None = None) -> Visitor:
    return Visitor(address, "Test/1.0", browser or KnownBrowser("a-new-browser"))


def person(
    hub: Hub, name: str, role: str = "owner", *, is_hubwide: bool = False, password: Secret | None = PASSWORD
) -> PersonRow:
    """Somebody with a password, or without one yet."""
    made = "" if password is None else passwords.hashed(password)
    with hub.change("test") as change:
        row = people.add(change, name, name.title(), role, is_hubwide=is_hubwide)
        if made:
            people.keep_hash(change, row, made)
    return row


def link(hub: Hub, row: PersonRow | None, *, asks_password: bool = True) -> Secret:
    with hub.change("test") as change:
        return sign_in_links.create(change, row, asks_password=asks_password, valid_s=600)


def sign_in(sign_ins: SignIns, name: str, how: Visitor | None = None, password: Secret = PASSWORD) -> SignedIn:
    return sign_ins.with_password("", name, password, how or visitor())


def code_at(key: Secret, now: float) -> str:
    """What an app shows at a time."""
    app = TOTP(base64.b32decode(key.reveal()), 6, SHA1(), 30)  # noqa: S303 - what all apps do
    return app.generate(int(now)).decode()


def who(hub: Hub, cookie: Secret) -> str:
    with within.everywhere(hub).database.reading() as session:
        return sessions.authenticate(session, cookie.reveal(), hub.clock())[1].name


def is_over(hub: Hub, cookie: Secret) -> bool:
    try:
        who(hub, cookie)
    except NotSignedIn:
        return True
    return False


def clock_of(hub: Hub) -> Clock:
    assert isinstance(hub.clock, Clock)
    return hub.clock


def problem(sign_ins: SignIns, name: str, password: Secret, organisation: str = "") -> str:
    with pytest.raises(SignInRefused) as refused:
        sign_ins.with_password(organisation, name, password, visitor())
    return str(refused.value)


def with_app(hub: Hub, row: PersonRow) -> tuple[Secret, list[str]]:
    """Set up somebody's second step."""
    key = second_steps.new_key()
    with hub.change("test") as change:
        found = change.session.get_one(PersonRow, row.id)
        codes = second_steps.set_up(change, hub.sealer, found, key, code_at(key, hub.clock() - 30))
    return key, codes
