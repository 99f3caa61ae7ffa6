"""Organisations: the customers of whoever runs the hub. Nothing of one is visible in another.

What is here needs a session for all of them, except ``prefix``.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from ringfence.counted import counted
from ringfence.hub.errors import NameRefused, OrganisationNotEmpty, OrganisationTaken, UnknownOrganisation
from ringfence.hub.store.base import Base
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import EdgeRow, PhoneRow, RetiredSiteRow, SiteRow
from ringfence.hub.store.organisation_models import FIRST, OrganisationRow
from ringfence.hub.store.organisation_owned import OrganisationOwned

LONGEST_NAME = 80
LONGEST_ID = 16
"""Shorter than its column: ids of sites begin with it, and need room."""
_ID = re.compile(r"[a-z](?:[a-z0-9-]{0,14}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class OrganisationCounts:
    """An organisation with its counts; ``edges`` counts those that are not revoked."""

    organisation: OrganisationRow
    sites: int
    phones: int
    edges: int


def prefix(organisation_id: str) -> str:
    """Return what the ids of an organisation's sites begin with: they are signed, so the whole hub has each once.

    So whether an id is free says nothing of other organisations.
    """
    return "" if organisation_id == FIRST else f"{organisation_id}."


def create(change: Change, organisation_id: str, name: str) -> OrganisationRow:
    """Create an organisation.

    Raises:
        NameRefused: The id or the name can't be one.
        OrganisationTaken: The id is or was another's.
    """
    if _ID.fullmatch(organisation_id) is None:
        raise NameRefused(
            f"{organisation_id[:60]!r} is not an organisation's id",
            to_do=f"Use up to {LONGEST_ID} characters from a to z, 0 to 9 and '-', beginning with a letter.",
        )
    if change.session.get(OrganisationRow, organisation_id) is not None:
        raise OrganisationTaken(f"the id {organisation_id} is or was an organisation's", to_do="Choose another id.")
    row = OrganisationRow(id=organisation_id, name=_checked_name(name), created_at=change.now, removed_at=None)
    change.session.add(row)
    change.note("organisation.create", row.id, row.name)
    return row


def find(session: Session) -> list[OrganisationCounts]:
    """Return all organisations, by their ids."""
    chosen = select(OrganisationRow).where(OrganisationRow.removed_at.is_(None)).order_by(OrganisationRow.id)
    return _with_counts(session, session.scalars(chosen).all())


def get(session: Session, organisation_id: str) -> OrganisationCounts:
    """Return an organisation; UnknownOrganisation if there is none."""
    (found,) = _with_counts(session, [_row(session, organisation_id)])
    return found


def is_there(session: Session, organisation_id: str) -> bool:
    """Return whether there is an organisation with this id."""
    row = session.get(OrganisationRow, organisation_id)
    return row is not None and row.removed_at is None


def unknown(organisation_id: str) -> UnknownOrganisation:
    """Return the error that there is no such organisation, which is also that it is not the caller's to know."""
    return UnknownOrganisation(
        f"there is no organisation {organisation_id[:40]!r}", to_do="Leave it out to use the token's own."
    )


def of_edge(session: Session, edge_id: str, site_id: str) -> str:
    """Return whose an edge is, or else whose site it claims; the first organisation's where neither is known."""
    of_edge = select(EdgeRow.organisation_id).where(EdgeRow.id == edge_id)
    of_site = select(SiteRow.organisation_id).where(SiteRow.id == site_id)
    return session.scalar(of_edge) or session.scalar(of_site) or FIRST


def rename(change: Change, organisation_id: str, name: str) -> None:
    """Rename an organisation; its id stays."""
    row = _row(change.session, organisation_id)
    old, row.name = row.name, _checked_name(name)
    change.note("organisation.rename", row.id, f"{old} → {row.name}")


def remove(change: Change, organisation_id: str, *, with_all: bool) -> None:
    """Remove an organisation; its id is never used again, nor are those of its sites.

    Args:
        change: The change that it is part of.
        organisation_id: Whose end it is.
        with_all: Whether its sites, phones and edges go too; otherwise it must have none.

    Raises:
        UnknownOrganisation: There is none with this id.
        OrganisationNotEmpty: It has sites, phones or edges; or it is the one that every hub has.
    """
    session, found = change.session, get(change.session, organisation_id)
    if organisation_id == FIRST:
        raise OrganisationNotEmpty(f"{FIRST} is the organisation that every hub has", to_do="Remove its sites instead.")
    has = f"{counted(found.sites, 'site')}, {counted(found.phones, 'phone')} and {counted(found.edges, 'edge')}"
    if found.sites and not with_all:
        raise OrganisationNotEmpty(
            f"organisation {organisation_id} still has {has}",
            to_do=f"Remove them first, or all of it at once: ringfence organisation remove {organisation_id} --yes.",
        )
    for site_id in session.scalars(select(SiteRow.id).where(SiteRow.organisation_id == organisation_id)).all():
        session.add(RetiredSiteRow(id=site_id, retired_at=change.now))
    for table in reversed(Base.metadata.sorted_tables):
        for mapper in Base.registry.mappers:
            if mapper.local_table is table and issubclass(mapper.class_, OrganisationOwned):
                session.execute(delete(mapper.class_).where(mapper.class_.organisation_id == organisation_id))
    found.organisation.removed_at = change.now
    change.note("organisation.remove", organisation_id, f"{found.organisation.name}, with {has}")


def _row(session: Session, organisation_id: str) -> OrganisationRow:
    row = session.get(OrganisationRow, organisation_id)
    if row is None or row.removed_at is not None:
        raise unknown(organisation_id)
    return row


def _with_counts(session: Session, rows: Sequence[OrganisationRow]) -> list[OrganisationCounts]:
    ids = [row.id for row in rows]

    def count(table: type[OrganisationOwned], *conditions: ColumnElement[bool]) -> dict[str, int]:
        chosen = select(table.organisation_id, func.count()).where(table.organisation_id.in_(ids), *conditions)
        return dict(iter(session.execute(chosen.group_by(table.organisation_id))))

    sites, phones, edges = count(SiteRow), count(PhoneRow), count(EdgeRow, EdgeRow.revoked_at.is_(None))
    return [OrganisationCounts(row, sites.get(row.id, 0), phones.get(row.id, 0), edges.get(row.id, 0)) for row in rows]


def _checked_name(name: str) -> str:
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise NameRefused(f"an organisation's name must have 1 to {LONGEST_NAME} printable characters")
    return name
