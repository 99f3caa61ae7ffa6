"""Pages of lists: each goes on after the last row of the one before, so that none costs more than itself."""

import base64
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from ringfence.hub.errors import BadSelection

T = TypeVar("T")
V = TypeVar("V")

Key = InstrumentedAttribute[Any] | ColumnElement[Any]
"""Any: a column of any type that JSON has."""
_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for; an empty cursor stands for its beginning."""

    limit: int
    cursor: str = ""
    is_oldest_first: bool = False
    """For a log, which otherwise begins with what happened last."""


@dataclass(frozen=True, slots=True)
class Paged(Generic[T]):
    """One page, and the cursor of the next one; None if it is the last."""

    rows: Sequence[T]
    next: str | None

    def each(self, view: Callable[[T], V]) -> "Paged[V]":
        """Return the page with each row in another form."""
        return Paged([view(row) for row in self.rows], self.next)


def read(session: Session, chosen: Select[T], page: Page, *keys: Key, newest_first: bool = False) -> Paged[T]:
    """Return a page of the rows of a query, ordered by ``keys``, which together are unique.

    Raises:
        BadSelection: The cursor is none of this list.
    """
    if page.cursor:
        after = _values(page.cursor, keys)
        chosen = chosen.where(tuple_(*keys) < after if newest_first else tuple_(*keys) > after)
    order = [key.desc() if newest_first else key.asc() for key in keys]
    found = session.execute(chosen.add_columns(*keys).order_by(None).order_by(*order).limit(page.limit + 1)).all()
    rows = found[: page.limit]
    more = _cursor(rows[-1][-len(keys) :]) if len(found) > page.limit else None
    # The query's own columns without the keys: mypy can't know that these are a T, as the query says.
    return Paged([row[0] if len(row) == 1 + len(keys) else tuple(row[: -len(keys)]) for row in rows], more)  # type: ignore[misc]


def cut(rows: Sequence[T], page: Page) -> Paged[T]:
    """Return a page of a short list that is there as a whole."""
    start = 0
    if page.cursor:
        (start,) = _checked(page.cursor, [int])
    end = start + page.limit
    return Paged(rows[start:end], _cursor([end]) if len(rows) > end else None)


def _cursor(values: Sequence[object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(list(values)).encode()).decode().rstrip("=")


def _values(cursor: str, keys: Sequence[Key]) -> tuple[Any, ...]:
    return tuple(_checked(cursor, [key.type.python_type for key in keys]))


def _checked(cursor: str, types: Sequence[type]) -> list[Any]:
    """Return what a cursor holds, which anybody may have written."""
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, list) or len(values) != len(types) or not all(map(_fits, values, types)):
        raise BadSelection("this cursor is none of this list", to_do="Take it from the answer before, as it is.")
    return values


def _is_text(value: str) -> bool:
    """Return whether a database can be asked for a text: every character is one, and none ends it."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in value


def _fits(value: object, kind: type) -> bool:
    match value:
        case bool():
            return False
        case int():
            return issubclass(kind, int | float) and abs(value) <= _LARGEST
        case float():
            return issubclass(kind, float) and math.isfinite(value)
        case str():
            return issubclass(kind, str) and _is_text(value)
        case _:
            return False
