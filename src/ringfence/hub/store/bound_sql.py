"""The last look at a statement before it reaches the database: does it say whose rows it means?

SQLAlchemy adds the criterion to what is mapped. A statement in SQL, one with bare tables, or one that goes around the
session would slip through; so each text is read here, once, and refused if a table of organisations occurs in it more
often than the criterion for it.
"""

import re
from typing import Any

from cachetools import LRUCache
from sqlalchemy import Connection, Engine, event

from ringfence.hub.store.access_scope import LIMITED, OF_SCOPE
from ringfence.hub.store.base import Base
from ringfence.hub.store.binding import SCOPE, WHOSE, Everywhere, UnboundStatementError
from ringfence.hub.store.organisation_owned import OrganisationOwned

_MOST_KEPT = 4096
_ONE = r'"?(\w+)"?(?:\s+AS\s+"?(\w+)"?)?(?![\w."(])'
_PLACES = re.compile(rf"\b(?:FROM|JOIN|UPDATE|USING)\s+{_ONE}", re.IGNORECASE)
_RENAMED = re.compile(r'(?:FROM|JOIN|,)\s+"?(\w+)"?\s+AS\s+"?(\w+)"?', re.IGNORECASE)
_NEXT = re.compile(rf"\s*,\s*{_ONE}", re.IGNORECASE)
_SUBQUERY_NAME = re.compile(r'\)\s+AS\s+"?\w+"?(?=\s*,)', re.IGNORECASE)
_INSERT = re.compile(r'\bINSERT\s+INTO\s+"?(\w+)"?\s*\(([^)]*)\)', re.IGNORECASE)


def watch(engine: Engine) -> None:
    """Refuse unbound statements on connections of ``engine`` that are one organisation's (``binding.WHOSE``)."""
    owned = owned_tables()
    seen: LRUCache[str, str] = LRUCache(_MOST_KEPT)

    # Any: the driver's own cursor, and parameters of its own form.
    def look(connection: Connection, _cursor: Any, sql: str, _values: Any, context: Any, *_rest: Any) -> None:  # noqa: ANN401
        whose = connection.get_execution_options().get(WHOSE)
        if whose is None or isinstance(whose, Everywhere):
            return
        if (fault := seen.get(sql)) is None:
            fault = seen[sql] = unbound_table(sql, owned)
        if fault:
            raise UnboundStatementError(f"a statement does not say whose rows of {fault} it means: {sql}")
        if connection.get_execution_options().get(SCOPE) is not None and not _is_limited(sql, context, owned):
            raise UnboundStatementError(f"a statement can't be limited to a part of an organisation: {sql}")

    event.listen(engine, "before_cursor_execute", look)


# Any: the driver's context.
def _is_limited(sql: str, context: Any, owned: frozenset[str]) -> bool:  # noqa: ANN401
    """Return whether a statement came through a session, which limits it, or is what a flush writes.

    A table under a name of its own is not: in joins, the criteria would be about the table's first name.
    """
    if not sql.startswith("SELECT") or "FROM" not in sql:
        return True
    renamed = any(place[1] in owned and not place[2].endswith(OF_SCOPE) for place in _RENAMED.finditer(sql))
    return not renamed and bool(context.execution_options.get(LIMITED))


def owned_tables() -> frozenset[str]:
    """Return the tables whose rows belong to organisations."""
    mapped = (each.class_ for each in Base.registry.mappers)
    return frozenset(each.__tablename__ for each in mapped if issubclass(each, OrganisationOwned))


def unbound_table(sql: str, owned: frozenset[str]) -> str:
    """Return a table of organisations of which a statement does not say whose rows it means; empty if there is none."""
    places: dict[tuple[str, str], int] = {}
    starts = [_PLACES.finditer(sql), _following(sql, _SUBQUERY_NAME)]
    for found in (each for start in starts for each in start):
        place: re.Match[str] | None = found
        while place is not None:
            if place[1] in owned:
                key = (place[1], place[2] or place[1])
                places[key] = places.get(key, 0) + 1
            place = _NEXT.match(sql, place.end())
    for (table, name), times in places.items():
        said = rf'"?\b{name}"?\.organisation_id'
        if len(re.findall(rf"{said} = |= {said}\b", sql)) < times:
            return table
    for table, columns in _INSERT.findall(sql):
        if table in owned and "organisation_id" not in columns:
            return str(table)
    return ""


def _following(sql: str, names: re.Pattern[str]) -> list[re.Match[str]]:
    """Return what stands after the names of subqueries in a list of tables."""
    return [place for each in names.finditer(sql) if (place := _NEXT.match(sql, each.end())) is not None]
