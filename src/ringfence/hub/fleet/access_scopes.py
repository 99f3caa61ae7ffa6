"""Scopes of people and API tokens: to which sites and groups of their organisation they are limited."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.hub.errors import BadSelection
from ringfence.hub.fleet import groups, sites
from ringfence.hub.sign_in_errors import NotSignedIn
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import ApiTokenRow
from ringfence.hub.store.people_models import PersonRow

OWNER = "owner"
MOST_OF_ONE = 200
"""How many sites and groups one person or token may be limited to."""
Stored = dict[str, list[str]]
"""A scope as rows keep it: ids of ``sites`` and of ``groups``."""


class WantedScope(Protocol):
    """Sites and groups by id, as they were typed."""

    sites: list[str]
    groups: list[str]


def of_body(session: Session, wanted: WantedScope | None) -> Stored | None:
    """Return the scope that somebody wants; None for the whole organisation."""
    return None if wanted is None else checked(session, wanted.sites, wanted.groups)


def checked(session: Session, wanted_sites: Sequence[str], wanted_groups: Sequence[str]) -> Stored:
    """Return the scope of these sites and groups, each by id.

    Raises:
        UnknownSite, UnknownGroup: There is no such one.
        BadSelection: It names nothing, or too much.
    """
    if not wanted_sites and not wanted_groups:
        raise BadSelection("a scope names no site and no group", to_do="Name one, or leave the scope out.")
    if len(wanted_sites) + len(wanted_groups) > MOST_OF_ONE:
        raise BadSelection(
            f"a scope has at most {MOST_OF_ONE} sites and groups", to_do="Put the phones into a group, and name that."
        )
    return {
        "sites": sorted({sites.get(session, site).id for site in wanted_sites}),
        "groups": sorted({groups.get(session, group).id for group in wanted_groups}),
    }


def check_fits(role: str, *, is_hubwide: bool, limited_to: Stored | None) -> None:
    """Raise BadSelection where a scope goes with a role, or with the whole hub, that it can't limit."""
    if limited_to is None:
        return
    if role == OWNER:
        raise BadSelection("an owner has the whole organisation", to_do="Give another role, or no scope.")
    if is_hubwide:
        raise BadSelection(
            "whoever is for the whole hub can't be limited to sites and groups of one organisation",
            to_do="Name the organisation: ringfence --organisation ID …",
        )


def change(change: Change, person: PersonRow, limited_to: Stored | None) -> None:
    """Limit somebody to a scope, or to none; it holds from their next request on.

    Raises:
        BadSelection: It does not go with their role.
    """
    check_fits(person.role, is_hubwide=person.is_hubwide, limited_to=limited_to)
    if limited_to != person.limited_to:
        person.limited_to = limited_to
        change.note("person.scope", person.id, f"{person.name}: {in_words(limited_to)}")


def holder(session: Session, organisation_id: str, holder_id: str, now: float) -> PersonRow | ApiTokenRow:
    """Return the person or token of that id, as it is now, in a session for all organisations.

    Raises:
        NotSignedIn: They have no access to the organisation any more.
    """
    person = select(PersonRow).where(PersonRow.id == holder_id, PersonRow.disabled_at.is_(None))
    token = select(ApiTokenRow).where(
        ApiTokenRow.id == holder_id,
        ApiTokenRow.revoked_at.is_(None),
        ApiTokenRow.ends_at.is_(None) | (ApiTokenRow.ends_at > now),
    )
    row: PersonRow | ApiTokenRow | None = session.scalar(person) or session.scalar(token)
    if row is not None and (row.is_hubwide or row.organisation_id == organisation_id):
        return row
    raise NotSignedIn("whoever ordered it has no access any more", to_do="Order it anew.")


def in_words(limited_to: Mapping[str, Sequence[str]] | None) -> str:
    """Return a scope as people read it."""
    if limited_to is None:
        return "the whole organisation"
    named = [*(f"site {each}" for each in limited_to["sites"]), *(f"group {each}" for each in limited_to["groups"])]
    return ", ".join(named) or "nothing"
