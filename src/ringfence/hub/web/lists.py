"""Lists on pages: in the order that a heading asks for, a part at a time; and whole, as tables for spreadsheets."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from sqlalchemy import Select
from sqlalchemy.orm import Session

from ringfence.hub.errors import BadSelection
from ringfence.hub.store import pages
from ringfence.hub.store.pages import Key, Page, Paged
from ringfence.hub.web.page import WebPage

T = TypeVar("T")

Columns = Mapping[str, Sequence[Key]]
"""What a list is sorted by, by the word for it in the address; each ends so that no two rows are equal.

The first is how it is sorted where nobody asks; a minus before the word turns it around.
"""
Cells = Mapping[str, Callable[[T], Any]]
"""The same for a short list that is there as a whole. Any: what can be compared with its like."""

_AT_ONCE = 1000


def read(page: WebPage, session: Session, chosen: Select[T], columns: Columns, usual: str = "") -> Paged[T]:
    """Return the part of a query's rows that a page shows; ``usual`` is how they are sorted where nobody asks.

    Raises:
        BadSelection: The address names no column, or a cursor that is none of this list.
    """
    return _read(page, session, chosen, columns, usual, page.rows)


def parts(
    page: WebPage, choose: Callable[[Session], Select[T]], columns: Columns, usual: str = ""
) -> Iterator[tuple[Session, Sequence[T]]]:
    """Yield all rows of a query, many at a time, each time in a transaction of its own."""
    cursor: str | None = ""
    while cursor is not None:
        with page.hub.database.reading() as session:
            found = _read(page, session, choose(session), columns, usual, Page(_AT_ONCE, cursor))
            yield session, found.rows
        cursor = found.next


def cut(page: WebPage, rows: Sequence[T], cells: "Cells[T] | None" = None) -> Paged[T]:
    """Return the part of a short list that a page shows; without ``cells`` in the order that it has.

    Raises:
        BadSelection: The address names no column, or a cursor that is none of this list.
    """
    if page.query.get("sort") and cells:
        word, is_backwards = order(page, cells)
        cell = cells[word]
        rows = sorted(rows, key=lambda row: (cell(row) is None, cell(row)), reverse=is_backwards)
    return pages.cut(rows, page.rows)


def log_part(page: WebPage) -> Page:
    """Return the part of a log that a page shows: of the newest first, or of the oldest where a heading asks for them.

    Raises:
        BadSelection: The address asks for another order.
    """
    _when, is_newest_first = order(page, {"when": None}, usual="-when")
    return replace(page.rows, is_oldest_first=not is_newest_first)


def order(page: WebPage, columns: Mapping[str, object], usual: str = "") -> tuple[str, bool]:
    """Return the column that the address asks for, and whether from its end; otherwise the usual one, or the first.

    Raises:
        BadSelection: There is no such column.
    """
    asked = page.query.get("sort") or usual or next(iter(columns))
    word = asked.removeprefix("-")
    if word not in columns:
        raise BadSelection(f"this list is not sorted by {word[:40]!r}", to_do=f"By: {', '.join(columns)}.")
    return word, asked != word


def _read(
    page: WebPage, session: Session, chosen: Select[T], columns: Columns, usual: str, part: Page
) -> Paged[T]:  # fmt: skip
    word, is_backwards = order(page, columns, usual)
    return pages.read(session, chosen, part, *columns[word], newest_first=is_backwards)
