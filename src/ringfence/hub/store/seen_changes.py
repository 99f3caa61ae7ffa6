"""Sessions that see which rows they change, as the changes are flushed.

No handler takes part: whatever reaches the database through a session is seen here, with the rows that the database
deletes along with others, and with statements for many rows. What is not told of is in ``untold.py``.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

from sqlalchemy import Connection, Delete, Result, Table, Update, event, inspect, select
from sqlalchemy.orm import Mapper, ORMExecuteState, UOWTransaction, object_session

from ringfence.hub.store import unapproved_edits, untold
from ringfence.hub.store.base import Base
from ringfence.hub.store.binding import EVERYWHERE
from ringfence.hub.store.edits import EditCountingSession
from ringfence.hub.store.organisation_models import FIRST
from ringfence.hub.store.organisation_owned import OrganisationOwned
from ringfence.hub.store.row_changes import MOST_ROWS, RowChange, RowChanges, Values

_CHANGES: Final = "changes"
_OWNER: Final = "organisation_id"


class ChangeSeeingSession(EditCountingSession):
    """A session that knows which rows it has changed."""

    @property
    def changes(self) -> RowChanges:
        """The changes since they were last taken."""
        return cast("RowChanges", self.info.setdefault(_CHANGES, RowChanges()))

    def take_changes(self) -> RowChanges:
        """Return the changes since they were last taken."""
        taken = self.changes
        self.info[_CHANGES] = RowChanges()
        return taken

    def see(self, table: type[Base], row: Values, before: Values | None, after: Values | None) -> None:
        """Take a change of a row in; of another organisation's nothing is told.

        Args:
            table: The row's.
            row: What is known of it, its key at least.
            before: What was in the columns that were changed; None where there was no row.
            after: What is in them now; None where there is no row any more.

        Raises:
            ApprovalMissing: It belongs in a draft (``store/unapproved_edits.py``).
        """
        unapproved_edits.check(self, table, before, after)
        mapper, not_told = inspect(table), untold.of(table)
        if not_told.is_whole or ((before is None or after is None) and not_told.rows_come_and_go):
            return
        if self.whose is EVERYWHERE and issubclass(table, OrganisationOwned) and row.get(_OWNER) != FIRST:
            return
        sides = [None if side is None else _told(side, not_told) for side in (before, after)]
        if any(sides):
            key = {column.name: row[column.name] for column in mapper.primary_key if column.name != _OWNER}
            self.changes.add(RowChange(cast("Table", mapper.local_table), key, *sides))


@event.listens_for(Base, "before_delete", propagate=True)
def _see_deleted(mapper: Mapper[Any], _connection: Connection, row: Base) -> None:
    """See a row that goes, with those that the database deletes along, of which nobody could tell afterwards."""
    session = object_session(row)
    if isinstance(session, ChangeSeeingSession):
        session.see(type(row), _loaded(row), _loaded(row), None)
        _see_dependents(session, cast("Table", mapper.local_table), _loaded(row))


@event.listens_for(ChangeSeeingSession, "after_flush")
def _see_flushed(session: ChangeSeeingSession, _context: UOWTransaction) -> None:
    for row in session.new:
        session.see(type(row), _loaded(row), None, _loaded(row))
    for row in session.dirty:
        state = inspect(row)
        changed = [
            (state.mapper.column_attrs[each.key].columns[0].name, each.history)
            for each in state.attrs
            if each.key in state.mapper.column_attrs and each.history.has_changes()
        ]
        before = {name: history.deleted[0] for name, history in changed if history.deleted}
        after = {name: history.added[0] for name, history in changed if history.added}
        session.see(type(row), _loaded(row), before, after)


@event.listens_for(ChangeSeeingSession, "do_orm_execute")
def _see_statement(state: ORMExecuteState) -> Result[Any] | None:
    """See what a statement for many rows changes."""
    session, mapper = cast("ChangeSeeingSession", state.session), state.bind_mapper
    if mapper is None or not (state.is_insert or state.is_update or state.is_delete):
        return None
    not_told = untold.of(mapper.class_)
    if not_told.is_whole:
        return None
    if state.is_insert:
        for values in cast("Sequence[Values]", state.parameters or ()):
            session.see(mapper.class_, values, None, values)
        return None
    if state.parameters:
        raise TypeError("rows are changed by a criterion, so that it is seen which they are")
    statement = cast("Update | Delete", state.statement)
    if isinstance(statement, Update) and _changed_by(statement) <= not_told.columns:
        return None
    return _see_each(state, mapper, statement)


def _see_each(state: ORMExecuteState, mapper: Mapper[Any], statement: Update | Delete) -> Result[Any]:
    """Run a statement, and see the first rows that it changes, as they were and as they are."""
    session, table = cast("ChangeSeeingSession", state.session), mapper.class_
    chosen = select(*(each.class_attribute for each in mapper.column_attrs))
    criteria = () if statement.whereclause is None else (statement.whereclause,)
    names = [each.columns[0].name for each in mapper.column_attrs]
    found = session.execute(chosen.where(*criteria).limit(MOST_ROWS + 1)).all()
    before = [dict(zip(names, row, strict=True)) for row in found]
    result = state.invoke_statement()
    key = [mapper.get_property_by_column(column) for column in mapper.primary_key]
    for row in before:
        after = None
        if state.is_update:
            same = (
                each.class_attribute == row[column.name] for each, column in zip(key, mapper.primary_key, strict=True)
            )
            now = session.execute(chosen.where(*same)).first()
            after = None if now is None else dict(zip(names, now, strict=True))
        session.see(table, row, row, after)
    return result


def _see_dependents(session: ChangeSeeingSession, table: Table, row: Values) -> None:
    for mapper in Base.registry.mappers:
        other: type[Base] = mapper.class_
        not_told = untold.of(other)
        if not_told.is_whole or not_told.rows_come_and_go:
            continue
        for columns, referred in _cascading_links(cast("Table", mapper.local_table), table):
            attributes = [mapper.get_property_by_column(column).class_attribute for column in columns]
            same = [each == row[name] for each, name in zip(attributes, referred, strict=True)]
            whole = select(*(each.class_attribute for each in mapper.column_attrs))
            names = [each.columns[0].name for each in mapper.column_attrs]
            for values in session.execute(whole.where(*same).limit(MOST_ROWS + 1)).all():
                gone = dict(zip(names, values, strict=True))
                session.see(other, gone, gone, None)
                _see_dependents(session, cast("Table", mapper.local_table), gone)


# Any: columns of any type.
def _cascading_links(table: Table, to: Table) -> Iterator[tuple[list[Any], list[str]]]:
    """Yield the columns of ``table`` whose rows go with those of ``to``, and what they refer to."""
    for link in table.foreign_key_constraints:
        if link.referred_table is to and link.ondelete == "CASCADE":
            yield list(link.columns), [element.column.name for element in link.elements]


def _changed_by(statement: Update) -> set[str]:
    """Return the columns that a statement sets."""
    # SQLAlchemy tells of them nowhere else. Any: columns of any type, or their names.
    set_to: Mapping[Any, Any] = statement._values or {}  # noqa: SLF001 - nothing public tells
    return {column if isinstance(column, str) else str(getattr(column, "name", column)) for column in set_to}


def _loaded(row: object) -> dict[str, Any]:
    """Return what is known of a row, by its columns' names, without asking the database."""
    state = inspect(row)
    return {
        attribute.columns[0].name: state.dict[attribute.key]
        for attribute in state.mapper.column_attrs
        if attribute.key in state.dict
    }


def _told(side: Values, not_told: untold.Untold) -> dict[str, Any]:
    return {name: value for name, value in side.items() if name not in not_told.columns and name != _OWNER}
