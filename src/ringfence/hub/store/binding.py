"""Whose rows a session means: said once when it is opened, kept by everything that it does.

A session is bound to one organisation, or to ``EVERYWHERE``. Bound to one, every select, update and delete gets the
criterion that the rows are that organisation's, every new row is given its id, and keys are completed with it, so that
nobody who asks for a phone or a site says whose. What then reaches the database is looked at once more
(``store/bound_sql.py``): a statement that names a table of organisations without the criterion is refused.
``EVERYWHERE`` is for what has to find out whose request it is, and for what no request causes; it gives no criterion,
and takes whole keys only.

One that is limited to a part of its organisation (``store/access_scope.py``) gets the criteria of that part too, and
writes nothing else (``store/scoped_writes.py``).
"""

from dataclasses import dataclass
from typing import Any, Final, cast

from sqlalchemy import event, insert, inspect, update
from sqlalchemy.orm import ORMExecuteState, Session, with_loader_criteria

from ringfence.hub.store import access_scope, scoped_writes
from ringfence.hub.store.access_scope import AccessScope
from ringfence.hub.store.organisation_models import LastNumberRow
from ringfence.hub.store.organisation_owned import Numbered, OrganisationOwned

WHOSE = "ringfence_whose"
"""The execution option of connections, and the key in ``session.info``, that say whose rows are meant."""

SCOPE = "ringfence_scope"
"""The same for the part of the organisation that is meant; None for all of it."""


@dataclass(frozen=True, slots=True)
class Everywhere:
    """Not one organisation's rows but all."""


EVERYWHERE: Final = Everywhere()
Whose = str | Everywhere
"""An organisation's id, or all of them."""


class UnboundStatementError(RuntimeError):
    """A fault of this program: a statement, a key or a row does not say whose it is."""


def whose(session: Session) -> str:
    """Return the organisation whose rows a session means, which is one's."""
    owner = session.info[WHOSE]
    if not isinstance(owner, str):
        raise UnboundStatementError("a session for all organisations is none's")
    return owner


def limited_sites(session: Session) -> frozenset[str] | None:
    """Return the sites that a session is limited to as a whole; None where it is not."""
    scope = cast("BoundSession", session).scope
    return None if scope is None else scope.sites


class BoundSession(Session):
    """A session for one organisation's rows, or for all."""

    @property
    def whose(self) -> Whose:
        """Whose rows it means."""
        return cast("Whose", self.info[WHOSE])

    @property
    def scope(self) -> AccessScope | None:
        """The part of the organisation that it is limited to; None for all of it."""
        return cast("AccessScope | None", self.info.get(SCOPE))

    # Any: the signatures of SQLAlchemy's own, of which a key may be anything.
    def get(self, entity: Any, ident: Any, **options: Any) -> Any:  # noqa: ANN401
        """Return the row with a key, without its organisation where the session is one's."""
        return super().get(entity, self._whole_key(entity, ident), **options)

    def _whole_key(self, entity: type[Any], ident: Any) -> Any:  # noqa: ANN401
        if not issubclass(entity, OrganisationOwned) or isinstance(self.whose, Everywhere):
            return ident
        parts = ident if isinstance(ident, tuple) else (ident,)
        return (self.whose, *parts)


def take_numbers(session: Session, table: type[Numbered], organisation_id: str, count: int) -> range:
    """Return the next numbers of an organisation's rows of a table; nobody else gets them."""
    return take_counted(session, table.__tablename__, organisation_id, count)


def take_counted(session: Session, name: str, organisation_id: str, count: int = 1) -> range:
    """Return the next numbers of what an organisation counts by a name; nobody else gets them."""
    of_table = (LastNumberRow.organisation_id == organisation_id, LastNumberRow.counted == name)
    counted = update(LastNumberRow).where(*of_table).values(number=LastNumberRow.number + count)
    last = session.scalar(counted.returning(LastNumberRow.number))
    if last is None:
        last = count
        first = {"organisation_id": organisation_id, "counted": name, "number": last}
        session.execute(insert(LastNumberRow), [first])
    return range(last - count + 1, last + 1)


@event.listens_for(BoundSession, "do_orm_execute")
def _bind_statement(state: ORMExecuteState) -> None:
    whose = cast("BoundSession", state.session).whose
    if isinstance(whose, Everywhere):
        return
    if state.is_insert:
        _bind_new(state, whose)
    elif state.is_select or state.is_update or state.is_delete:
        state.statement = state.statement.options(
            with_loader_criteria(OrganisationOwned, lambda each: each.organisation_id == whose, include_aliases=True)
        )
        _limit(state, whose)


def _limit(state: ORMExecuteState, whose: str) -> None:
    """Keep a statement within what its session is limited to."""
    scope = cast("BoundSession", state.session).scope
    if scope is None:
        return
    state.update_execution_options(**{access_scope.LIMITED: True})
    if state.execution_options.get(access_scope.BEYOND):
        return
    mapper = state.bind_mapper
    if not state.is_select and mapper is not None:
        state.statement = scoped_writes.limited(state.statement, mapper.class_, scope)
    state.statement = state.statement.options(*access_scope.criteria(scope, whose))


def _bind_new(state: ORMExecuteState, whose: str) -> None:
    """Give rows that are inserted many at once their organisation, and their numbers."""
    mapper = state.bind_mapper
    if mapper is None or not isinstance(state.parameters, list):
        raise UnboundStatementError("rows are inserted through a mapped class, with their values beside the statement")
    if (scope := cast("BoundSession", state.session).scope) is not None:
        scoped_writes.check_rows(state.session, mapper.class_, state.parameters, scope)
    if not issubclass(mapper.class_, OrganisationOwned):
        return
    for row in state.parameters:
        row["organisation_id"] = whose
    if issubclass(mapper.class_, Numbered):
        numbers = take_numbers(state.session, mapper.class_, whose, len(state.parameters))
        for row, number in zip(state.parameters, numbers, strict=True):
            row["id"] = number


@event.listens_for(BoundSession, "before_flush")
def _bind_rows(session: BoundSession, _context: object, _instances: object) -> None:
    """Give new rows their organisation, and their numbers."""
    for row in session.new:
        if not isinstance(row, OrganisationOwned):
            continue
        if not isinstance(session.whose, Everywhere):
            if (owner := inspect(row).dict.get("organisation_id", session.whose)) != session.whose:
                raise UnboundStatementError(f"a {type(row).__name__} of {owner} among those of {session.whose}")
            row.organisation_id = session.whose
        elif inspect(row).dict.get("organisation_id") is None:
            raise UnboundStatementError(f"a new {type(row).__name__} does not say whose it is")
        if isinstance(row, Numbered) and inspect(row).dict.get("id") is None:
            (row.id,) = take_numbers(session, type(row), row.organisation_id, 1)
    if session.scope is not None:
        scoped_writes.check_flushed(session, session.scope)
