"""Groups: phones that share settings, whatever their site."""

import difflib
from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ringfence.counted import counted
from ringfence.hub.errors import GroupNotEmpty, GroupTaken, NameRefused, UnknownGroup
from ringfence.hub.fleet.sites import LONGEST_NAME, slug
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import ApiTokenRow, PhoneGroupRow, PhoneRow
from ringfence.hub.store.people_models import PersonRow
from ringfence.phones.settings.types import is_printable


def create(change: Change, name: str) -> PhoneGroupRow:
    """Create a group; its id is derived from its name."""
    name = name.strip()
    if not 1 <= len(name) <= LONGEST_NAME or not is_printable(name):
        raise NameRefused(f"a group's name must have 1 to {LONGEST_NAME} characters, without control characters")
    group_id = slug(name)
    if not group_id:
        raise NameRefused(f"{name[:60]!r} has no letter or digit to derive an id from", to_do="Choose another name.")
    taken = select(PhoneGroupRow.id).where((PhoneGroupRow.id == group_id) | (PhoneGroupRow.name == name))
    if change.session.scalar(taken) is not None:
        raise GroupTaken(f"there already is a group {name!r}", to_do="Choose another name.")
    group = PhoneGroupRow(id=group_id, name=name, created_at=change.now)
    change.session.add(group)
    change.note("group.create", group_id, name)
    return group


def get(session: Session, group_id: str) -> PhoneGroupRow:
    """Return a group; UnknownGroup names the nearest ids."""
    group = session.get(PhoneGroupRow, group_id)
    if group is None:
        raise unknown(session, group_id)
    return group


def find_one(session: Session, text: str) -> PhoneGroupRow | None:
    """Return the group with this id or name, or with the id that the name gives; None if there is none."""
    by_name = select(PhoneGroupRow).where(PhoneGroupRow.name == text)
    return session.get(PhoneGroupRow, text) or session.scalar(by_name) or session.get(PhoneGroupRow, slug(text))


def unknown(session: Session, text: str, *, to_do: str = "") -> UnknownGroup:
    """Return the error that there is no such group, with the nearest ids."""
    near = difflib.get_close_matches(slug(text), session.scalars(select(PhoneGroupRow.id)).all(), n=3, cutoff=0.5)
    advice = f"Similar: {', '.join(near)}." if near else "`ringfence group list` shows all."
    return UnknownGroup(f"there is no group {text[:60]!r}", to_do=f"{advice} {to_do}".rstrip())


def find(session: Session) -> Sequence[tuple[PhoneGroupRow, int]]:
    """Return the groups by name, each with its number of phones."""
    count = select(func.count()).where(PhoneRow.group_id == PhoneGroupRow.id).scalar_subquery()
    chosen = select(PhoneGroupRow, count).order_by(func.lower(PhoneGroupRow.name))
    return [(group, phones) for group, phones in session.execute(chosen)]


def remove(change: Change, group_id: str) -> None:
    """Remove a group and its settings; GroupNotEmpty while a phone is in it."""
    group = get(change.session, group_id)
    members = change.session.scalar(select(func.count()).where(PhoneRow.group_id == group.id))
    if members:
        raise GroupNotEmpty(
            f"group {group.id} has {counted(members, 'phone')}",
            to_do=f"Take them out first: ringfence phone list --group {group.id}.",
        )
    _forget_in_scopes(change, group.id)
    change.session.delete(group)
    change.note("group.remove", group_id)


def _forget_in_scopes(change: Change, group_id: str) -> None:
    """Take a group that is removed out of everybody's scope, so that a later one with its id is not in them."""
    limited_people = select(PersonRow).where(PersonRow.limited_to.is_not(None))
    limited_tokens = select(ApiTokenRow).where(ApiTokenRow.limited_to.is_not(None))
    for row in (*change.session.scalars(limited_people), *change.session.scalars(limited_tokens)):
        held = row.limited_to or {}
        if group_id in held.get("groups", ()):
            row.limited_to = {**held, "groups": [each for each in held["groups"] if each != group_id]}
