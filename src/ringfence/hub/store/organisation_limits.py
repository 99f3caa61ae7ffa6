"""Limits of organisations, kept by the session: whatever adds a row that is limited is counted before it is committed.

No handler takes part, so none can forget. Who writes queues up on every database (ADR 21), and the rows are counted in
the transaction that adds them; so two at a time can't pass a limit that one of them reaches. What is there above a
limit that was lowered stays; only more is refused.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from sqlalchemy import ColumnElement, event, func, inspect, select
from sqlalchemy.orm import ORMExecuteState, Session, UOWTransaction

from ringfence.counted import counted
from ringfence.hub.errors import OrganisationFull, UnknownOrganisation
from ringfence.hub.store.access_scope import beyond_scope
from ringfence.hub.store.base import Base
from ringfence.hub.store.binding import BoundSession, Everywhere
from ringfence.hub.store.change import AuditedSession
from ringfence.hub.store.models import ApiTokenRow, PhoneRow, SiteRow
from ringfence.hub.store.organisation_models import OrganisationRow
from ringfence.hub.store.people_models import PersonRow
from ringfence.hub.store.rehearsal import RehearsingSession
from ringfence.hub.store.release_models import AssetFileRow, FirmwareFileRow, UploadRow

NOW: Final = "now"
"""Where ``session.info`` keeps when its change is made."""
_GROWN: Final = "limited rows"
ON_ITS_WAY_S: Final = 86_400.0
"""For how long an upload counts that nothing was made of."""


@dataclass(frozen=True, slots=True)
class OrganisationLimit:
    """One limit of an organisation: its word, what it counts, and the column that keeps it."""

    word: str
    noun: str
    column: str
    used: Callable[[Session, str, float], int]
    """Counts what an organisation has, by its id, at a moment."""
    tables: tuple[type[Base], ...]

    def most(self, organisation: OrganisationRow) -> int | None:
        """Return how many there may be; None without a limit."""
        return cast("int | None", getattr(organisation, self.column))


def _rows(table: type[Any], *conditions: ColumnElement[bool]) -> Callable[[Session, str, float], int]:
    def count(session: Session, organisation_id: str, _now: float) -> int:
        chosen = select(func.count()).select_from(table).where(table.organisation_id == organisation_id, *conditions)
        return session.scalar(beyond_scope(chosen)) or 0

    return count


def _stored_bytes(session: Session, organisation_id: str, now: float) -> int:
    """Return the bytes of an organisation's firmware and assets, each file once, and of what it has just uploaded."""
    sizes: dict[str, int] = {}
    lately = (UploadRow.at > now - ON_ITS_WAY_S, UploadRow.length.is_not(None))
    tables: tuple[tuple[type[Any], tuple[ColumnElement[bool], ...]], ...] = (
        (UploadRow, lately), (FirmwareFileRow, ()), (AssetFileRow, ()),
    )  # fmt: skip
    for table, conditions in tables:
        chosen = select(table.digest, table.length).where(table.organisation_id == organisation_id, *conditions)
        sizes |= {row.digest: row.length for row in session.execute(beyond_scope(chosen))}
    return sum(sizes.values())


SITES = OrganisationLimit("sites", "site", "most_sites", _rows(SiteRow), (SiteRow,))
PHONES = OrganisationLimit("phones", "phone", "most_phones", _rows(PhoneRow), (PhoneRow,))
PEOPLE = OrganisationLimit(
    "people", "person", "most_people", _rows(PersonRow, PersonRow.is_hubwide.is_(False)), (PersonRow,)
)
TOKENS = OrganisationLimit(
    "tokens",
    "API token",
    "most_api_tokens",
    _rows(ApiTokenRow, ApiTokenRow.revoked_at.is_(None), ApiTokenRow.is_hubwide.is_(False)),
    (ApiTokenRow,),
)
STORAGE = OrganisationLimit(
    "storage_bytes", "byte", "most_stored_bytes", _stored_bytes, (UploadRow, FirmwareFileRow, AssetFileRow)
)
ALL: Final = (SITES, PHONES, PEOPLE, TOKENS, STORAGE)
_OF_TABLE: Final[Mapping[type[Base], OrganisationLimit]] = {table: limit for limit in ALL for table in limit.tables}


def check(session: Session) -> None:
    """Check the limits of what a session has added so far.

    Raises:
        OrganisationFull: There is more of something than its organisation may have.
        UnknownOrganisation: It was removed since the request came in.
    """
    session.flush()
    rehearsed = _rehearsed(session)
    for (organisation_id, limit), added in (rehearsed or _grown(session)).items():
        organisation = session.get(OrganisationRow, organisation_id)
        if organisation is None or added <= 0:
            continue
        if organisation.removed_at is not None:
            raise UnknownOrganisation(f"organisation {organisation_id} is removed")
        most = limit.most(organisation)
        if most is None:
            continue
        used = limit.used(session, organisation_id, session.info.get(NOW, time.time()))
        if rehearsed:  # what would be added is not counted by the database
            used += added
        if used > most:
            is_limited = cast("BoundSession", session).scope is not None
            raise full(limit, organisation_id, most, None if is_limited else used)


def _rehearsed(session: Session) -> dict[tuple[str, OrganisationLimit], int]:
    """Return how many rows a rehearsal would add."""
    found: dict[tuple[str, OrganisationLimit], int] = {}
    if isinstance(session, RehearsingSession):
        for row in session.new:
            limit = _OF_TABLE.get(type(row))
            if limit is not None and limit is not STORAGE and isinstance(session.whose, str):
                found[session.whose, limit] = found.get((session.whose, limit), 0) + 1
    return found


def full(limit: OrganisationLimit, organisation_id: str, most: int, used: int | None) -> OrganisationFull:
    """Return the error that an organisation would have more than it may.

    ``used`` is what it would have; None where the caller may not know.
    """
    word = limit.word.removesuffix("_bytes")
    would = "" if used is None else f", and would have {used:,}"
    return OrganisationFull(
        f"organisation {organisation_id} may have {counted(most, limit.noun, _PLURALS.get(limit.noun, ''))}"
        f"{_OF_STORAGE if limit is STORAGE else ''}{would}: it has reached its limit of {word}",
        to_do="Remove some first, or ask whoever runs the hub for more: "
        f"ringfence organisation limit {organisation_id}.",
    )


_PLURALS: Final = {"person": "people"}
_OF_STORAGE: Final = " of firmware and assets"


def _grown(session: Session) -> dict[tuple[str, OrganisationLimit], int]:
    """Return how many limited rows a session has added and not removed, by whose and which."""
    return cast("dict[tuple[str, OrganisationLimit], int]", session.info.setdefault(_GROWN, {}))


def _count(session: AuditedSession, organisation_id: str, table: type[Base], number: int) -> None:
    if (limit := _OF_TABLE.get(table)) is not None:
        grown = _grown(session)
        grown[organisation_id, limit] = grown.get((organisation_id, limit), 0) + number


@event.listens_for(AuditedSession, "after_flush")
def _count_flushed(session: AuditedSession, _context: UOWTransaction) -> None:
    for rows, number in ((session.new, 1), (session.deleted, -1)):
        for row in rows:
            if type(row) in _OF_TABLE and not getattr(row, "is_hubwide", False):  # those who run the hub are nobody's
                _count(session, inspect(row).dict["organisation_id"], type(row), number)


@event.listens_for(AuditedSession, "do_orm_execute")
def _count_inserted(state: ORMExecuteState) -> None:
    session, mapper = cast("AuditedSession", state.session), state.bind_mapper
    if state.is_insert and mapper is not None and not isinstance(session.whose, Everywhere):
        _count(session, session.whose, mapper.class_, len(cast("list[object]", state.parameters or ())))


@event.listens_for(AuditedSession, "before_commit")
def _check_before_commit(session: AuditedSession) -> None:
    check(session)
