"""Links that let somebody in: invitations, the first person's, and those for an administrator who is lost."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import select

from ringfence.errors import RingfenceError
from ringfence.hub.core import Hub
from ringfence.hub.fleet import people
from ringfence.hub.people.sign_ins import SignIns
from ringfence.hub.people.visitors import SignedIn
from ringfence.hub.sign_in_errors import (
    PasswordRefused,
    SignInRefused,
)
from ringfence.hub.store.people_models import PersonRow
from ringfence.secret import Secret
from support.signing_in import (
    PASSWORD,
    clock_of,
    link,
    person,
    visitor,
    who,
    with_app,
)

pytestmark = pytest.mark.usefixtures("cheap")


def test_an_invitation_is_good_once(idle: Hub, sign_ins: SignIns) -> None:
    anna = person(idle, "anna", password=None)
    older, code = link(idle, anna), link(idle, anna)
    with pytest.raises(SignInRefused):
        sign_ins.link(older)
    with pytest.raises(PasswordRefused):
        sign_ins.with_link(code, visitor(), password=Secret("short"))
    signed_in = sign_ins.with_link(code, visitor(), display_name="Anna A.", password=PASSWORD)
    assert who(idle, signed_in.session) == "anna"
    with pytest.raises(SignInRefused):
        sign_ins.with_link(code, visitor(), password=PASSWORD)
    with idle.database.reading() as session:
        assert session.get_one(PersonRow, anna.id).display_name == "Anna A."


def test_a_link_to_sign_in_at_once_asks_for_the_second_step_all_the_same(idle: Hub, sign_ins: SignIns) -> None:
    anna = person(idle, "anna")
    assert who(idle, sign_ins.with_link(link(idle, anna, asks_password=False), visitor()).session) == "anna"
    with_app(idle, anna)
    assert sign_ins.with_link(link(idle, anna, asks_password=False), visitor()).awaits_second_step


def test_a_link_ends(idle: Hub, sign_ins: SignIns) -> None:
    code = link(idle, person(idle, "anna", password=None))
    with clock_of(idle).forward(601), pytest.raises(SignInRefused):
        sign_ins.with_link(code, visitor(), password=PASSWORD)
    with idle.change("test") as change:
        people.disable(change, people.get(change.session, "anna", hubwide_too=False))
    with pytest.raises(SignInRefused):
        sign_ins.with_link(code, visitor(), password=PASSWORD)


def test_the_first_persons_link_makes_one_owner_of_the_hub(idle: Hub, sign_ins: SignIns) -> None:
    code = link(idle, None)
    together = Barrier(2)

    def come(name: str) -> SignedIn | RingfenceError:
        together.wait(60)
        try:
            return sign_ins.with_link(code, visitor(), name=name, display_name=name, password=PASSWORD)
        except SignInRefused as refused:
            return refused

    with ThreadPoolExecutor(2) as pool:
        came = [each for each in pool.map(come, ("anna", "mallory")) if isinstance(each, SignedIn)]
    assert len(came) == 1
    with idle.database.reading() as session:
        (row,) = session.scalars(select(PersonRow)).all()
        assert (row.role, row.is_hubwide) == ("owner", True)
    with pytest.raises(SignInRefused, match="first person"):
        sign_ins.link(link(idle, None))
