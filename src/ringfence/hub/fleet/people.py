"""People who sign in: an organisation's own, and those who run the hub. They are invited, and choose a password."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Select, delete, select, true
from sqlalchemy.orm import Session

from ringfence.hub.errors import NameRefused
from ringfence.hub.fleet import access_scopes, sessions
from ringfence.hub.sign_in_errors import LastOwner, PersonTaken, UnknownPerson
from ringfence.hub.store import pages
from ringfence.hub.store.change import Change, new_id
from ringfence.hub.store.models import name_key
from ringfence.hub.store.pages import Page, Paged
from ringfence.hub.store.people_models import PersonRow, RecoveryCodeRow, SignInLinkRow

OWNER = "owner"
LONGEST_NAME = 80


def add(
    change: Change, name: str, display_name: str, role: str, *, is_hubwide: bool,
    limited_to: access_scopes.Stored | None = None,
) -> PersonRow:  # fmt: skip
    """Add somebody, who can't sign in before they have a password.

    Args:
        change: The change that it is part of.
        name: What they will sign in with, such as an e-mail address.
        display_name: What they are called; their name if it is empty.
        role: What they are to the organisation, as ``hub/people/rights.py`` names it.
        is_hubwide: Whether they are one of those who run the hub.
        limited_to: The part of the organisation that they are for (``access_scopes.checked``); None: all of it.

    Raises:
        BadSelection: What they are limited to does not go with their role, or with the whole hub.
        NameRefused: One of the names can't be one.
        PersonTaken: Somebody signs in with this name.
    """
    name = _checked_name(name)
    if by_name(change.session, name) is not None:
        raise PersonTaken(f"somebody signs in as {name!r} already", to_do="Choose another name, or invite them again.")
    access_scopes.check_fits(role, is_hubwide=is_hubwide, limited_to=limited_to)
    person = PersonRow(
        id=new_id("person"), name=name, display_name=_checked_display_name(display_name or name), role=role,
        is_hubwide=is_hubwide, limited_to=limited_to, created_at=change.now, created_by=change.who,
    )  # fmt: skip
    change.session.add(person)
    change.session.flush()
    change.note("person.add", person.id, f"{name} ({role})")
    return person


def find(session: Session, page: Page, *, hubwide_too: bool) -> Paged[PersonRow]:
    """Return a page of an organisation's people, by name; with ``hubwide_too`` also those who run the hub."""
    return pages.read(session, choose(hubwide_too=hubwide_too), page, PersonRow.name_key)


def choose(*, hubwide_too: bool) -> Select[PersonRow]:
    """Return the query for an organisation's people; with ``hubwide_too`` also those who run the hub."""
    return select(PersonRow).where(true() if hubwide_too else PersonRow.is_hubwide.is_(False))


def get(session: Session, wanted: str, *, hubwide_too: bool) -> PersonRow:
    """Return somebody by id or name.

    Raises:
        UnknownPerson: There is nobody, or they run the hub and those are not asked for.
    """
    person: PersonRow | None = session.get(PersonRow, wanted) or by_name(session, wanted)
    if person is None or (person.is_hubwide and not hubwide_too):
        raise UnknownPerson(f"there is nobody called {wanted[:80]!r}", to_do="`ringfence person list` shows all.")
    return person


def by_name(session: Session, name: str) -> PersonRow | None:
    """Return who signs in with a name."""
    return session.scalar(select(PersonRow).where(PersonRow.name_key == name_key(name)))


def someone_runs_the_hub(session: Session) -> bool:
    """Return whether there is anybody who runs the hub and could sign in now."""
    chosen = select(PersonRow.id).where(
        PersonRow.is_hubwide.is_(True), PersonRow.disabled_at.is_(None), PersonRow.password_hash != ""
    )
    return session.scalar(chosen.limit(1)) is not None


def change_names(change: Change, person: PersonRow, name: str, display_name: str) -> None:
    """Give somebody other names.

    Raises:
        NameRefused: One of them can't be one.
        PersonTaken: Somebody else signs in with this name.
    """
    name, display_name = _checked_name(name), _checked_display_name(display_name)
    if (other := by_name(change.session, name)) is not None and other.id != person.id:
        raise PersonTaken(f"somebody signs in as {name!r} already", to_do="Choose another name.")
    if (name, display_name) != (person.name, person.display_name):
        old, person.name, person.display_name = person.name, name, display_name
        change.note("person.rename", person.id, f"{old} → {name}, {display_name}")


def change_role(change: Change, person: PersonRow, role: str) -> None:
    """Give somebody another role; they sign in again to have it.

    Raises:
        LastOwner: They are the last owner, and would not be one any more.
    """
    if role == person.role:
        return
    access_scopes.check_fits(role, is_hubwide=person.is_hubwide, limited_to=person.limited_to)
    with _leaving_an_owner(change, person):
        old, person.role = person.role, role
        change.note("person.role", person.id, f"{person.name}: {old} → {role}")
        sessions.end_all(change, person)


def disable(change: Change, person: PersonRow) -> None:
    """Let somebody sign in no more, and end their sessions; they can be enabled again.

    Raises:
        LastOwner: They are the last owner.
    """
    if person.disabled_at is not None:
        return
    with _leaving_an_owner(change, person):
        person.disabled_at = change.now
        _shut_out(change, person)
        change.note("person.disable", person.id, person.name)


def enable(change: Change, person: PersonRow) -> None:
    """Let somebody sign in again."""
    if person.disabled_at is not None:
        person.disabled_at = None
        change.note("person.enable", person.id, person.name)


def remove(change: Change, person: PersonRow) -> None:
    """Remove somebody, with all their ways in.

    Raises:
        LastOwner: They are the last owner.
    """
    with _leaving_an_owner(change, person):
        _shut_out(change, person)
        change.session.execute(delete(RecoveryCodeRow).where(RecoveryCodeRow.person_id == person.id))
        change.session.delete(person)
        change.note("person.remove", person.id, person.name)


def keep_hash(change: Change, person: PersonRow, password_hash: str, *, keeps_session: str = "") -> None:
    """Keep the hash of the password that somebody chose (``passwords.hashed``), and end their sessions but one."""
    person.password_hash = password_hash
    sessions.end_all(change, person, but=keeps_session)
    change.note("person.password", person.id, person.name)


def _shut_out(change: Change, person: PersonRow) -> None:
    sessions.end_all(change, person)
    change.session.execute(delete(SignInLinkRow).where(SignInLinkRow.person_id == person.id))


@contextmanager
def _leaving_an_owner(change: Change, person: PersonRow) -> Iterator[None]:
    """Refuse what would take the last owner's place away; transactions that write queue up, so no other comes between.

    An organisation needs an owner who can sign in, and the hub one of those who run it; one of a provider does not do,
    as that may be down, or let nobody in any more.
    """
    was_one = person.role == OWNER and person.can_sign_in and not person.is_of_provider
    yield
    others = select(PersonRow.id).where(
        PersonRow.id != person.id,
        PersonRow.role == OWNER,
        PersonRow.disabled_at.is_(None),
        PersonRow.password_hash != "",
        PersonRow.is_hubwide.is_(True) if person.is_hubwide else true(),
    )
    if was_one and change.session.scalar(others.limit(1)) is None:
        of_what = "hub" if person.is_hubwide else "organisation"
        raise LastOwner(f"{person.name} is the last owner of the {of_what}", to_do="Make somebody else an owner first.")


def _checked_name(name: str) -> str:
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable() or any(map(str.isspace, name)):
        raise NameRefused(
            f"a name to sign in with must have 1 to {LONGEST_NAME} printable characters, and no spaces",
            to_do="Use an e-mail address.",
        )
    return name


def _checked_display_name(name: str) -> str:
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise NameRefused(f"a person's name must have 1 to {LONGEST_NAME} printable characters")
    return name
