"""A copy of the whole database as one SQLite file, as it was at one moment, while the hub goes on; and back."""

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, Table, create_engine, delete, func, insert, literal, make_url, select
from sqlalchemy.exc import SQLAlchemyError

from ringfence.hub.data_errors import DatabaseTaken, DatabaseUnavailable
from ringfence.hub.store import dialect
from ringfence.hub.store.base import Base
from ringfence.hub.store.database import Database
from ringfence.hub.store.organisation_models import OrganisationRow

Show = Callable[[float, float], None]
"""Called with what is done, and all that there is to do."""

_ROWS_AT_ONCE = 1000
_DIGESTS = 2**256


def copy_database(url: str, to: Path) -> None:
    """Write what the database at ``url`` holds now into a new SQLite file.

    Raises:
        DatabaseUnavailable: It can't be read, or the file can't be written.
    """
    try:
        if make_url(url).get_backend_name() == "sqlite":
            _copy_sqlite(Path(make_url(url).database or ""), to)
        else:
            Database(f"sqlite:///{to}").close()
            _copy_rows(url, f"sqlite:///{to}")
    except (sqlite3.Error, SQLAlchemyError) as fault:
        raise DatabaseUnavailable(
            f"the database can't be copied: {fault}", to_do="Check its disk, and try again."
        ) from None


def fill_database(file: Path, url: str) -> None:
    """Put everything that a copy holds into a database that holds nothing, all of it or none.

    Args:
        file: The copy, which is brought to this version's tables.
        url: The database, SQLAlchemy's URL.

    Raises:
        DatabaseTaken: It has something in it.
        DatabaseUnavailable: It can't be reached or written.
        DataFolderNewer: The copy is of a newer version.
    """
    Database(f"sqlite:///{file}").close()
    Database(url).close()
    try:
        _copy_rows(f"sqlite:///{file}", url)
    except SQLAlchemyError as fault:
        raise DatabaseUnavailable(
            f"the copy can't be put into the database: {fault}", to_do="It holds nothing of it; try again."
        ) from None


def check_database(file: Path) -> None:
    """Raise DatabaseUnavailable if a SQLite file is damaged."""
    try:
        connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
        try:
            (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
            broken = connection.execute("PRAGMA foreign_key_check").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as fault:
        raise DatabaseUnavailable(f"the copy of the database can't be read: {fault}") from None
    if found != "ok" or broken is not None:
        raise DatabaseUnavailable(f"the copy of the database is damaged: {found}")


def _copy_sqlite(source: Path, to: Path) -> None:
    connection = sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=dialect.BUSY_TIMEOUT_MS / 1000)
    try:
        connection.execute("VACUUM INTO ?", (str(to),))
    finally:
        connection.close()


def move_rows(url: str, to_url: str, show: Show) -> int:
    """Put every row of a database into another one that holds nothing, all of them or none, and compare both.

    Both are brought to this version's tables. Nobody writes to the first meanwhile: it is locked for writers.

    Args:
        url: The database that is copied.
        to_url: The one to fill.
        show: Called as it goes on, with the rows that are done and those that there are; each counts twice, as it is
            read again from where it was put.

    Returns:
        How many rows there are.

    Raises:
        DatabaseTaken: The other database is not empty.
        DatabaseUnavailable: One of them can't be reached, read or written, or has no room; or what was put there
            differs from what was copied. The other one holds nothing of it.
        DataFolderNewer: One of them is of a newer version.
    """
    for each in (url, to_url):
        Database(each).close()
    try:
        return _copy_rows(url, to_url, show, locks=True)
    except SQLAlchemyError as fault:
        cause = getattr(fault, "orig", None) or fault
        raise DatabaseUnavailable(
            f"the database can't be copied: {str(cause).strip()}",
            to_do="Nothing was changed, and the other one holds nothing of it. Look at its disk, and try again.",
        ) from None


def others_connected(url: str) -> int:
    """Return how many others are connected to a database server's database; 0 for a file.

    Raises:
        DatabaseUnavailable: It can't be reached.
    """
    engine = create_engine(dialect.driver_url(url), hide_parameters=True)
    try:
        with engine.connect() as connection:
            return dialect.others_connected(connection)
    except SQLAlchemyError as fault:
        raise DatabaseUnavailable(f"the database does not answer: {getattr(fault, 'orig', fault)}") from None
    finally:
        engine.dispose()


def _copy_rows(url: str, to_url: str, show: Show = lambda _done, _total: None, *, locks: bool = False) -> int:
    """Copy all rows into a database with this version's tables and nothing in them, in one transaction."""
    source, target = (create_engine(dialect.driver_url(each), hide_parameters=True) for each in (url, to_url))
    dialect.prepare(source)
    reader = source.execution_options(**{dialect.WRITING: locks})
    tables, own = Base.metadata.sorted_tables, Base.metadata.tables[OrganisationRow.__tablename__]
    try:
        with reader.connect() as reading, target.begin() as writing:
            for table in tables:
                if table != own and writing.execute(select(literal(1)).select_from(table).limit(1)).first() is not None:
                    raise DatabaseTaken(
                        f"the database is not empty: there is something in {table.name}",
                        to_do="Give one that was just created.",
                    )
            total = sum(reading.scalar(select(func.count()).select_from(table)) or 0 for table in tables)
            done = _RowsDone(show, 2 * total)
            writing.execute(delete(own))  # the organisation that the migrations have made; the copy brings it
            read = {table.name: _rows_copied(reading, writing, table, done) for table in tables}
            for table in tables:
                if (found := _rows_there(writing, table, done)) != read[table.name]:
                    raise DatabaseUnavailable(
                        f"{table.name} differs after copying: {found.count} rows for {read[table.name].count}",
                        to_do="The copy was taken back. Look into the log of the database server.",
                    )
    finally:
        source.dispose()
        target.dispose()
    return total


@dataclass(slots=True)
class _RowsDone:
    show: Show
    total: int
    done: int = 0

    def add(self, rows: int) -> None:
        self.done += rows
        self.show(self.done, self.total)


@dataclass(slots=True)
class _RowsDigest:
    """What a table holds, whatever order its rows are read in: their number, and the sum of their SHA-256."""

    count: int = 0
    sum: int = 0

    def add(self, rows: Sequence[Row[Any]]) -> None:
        for row in rows:
            self.count += 1
            digest = hashlib.sha256(repr(tuple(row)).encode("utf-8", "surrogatepass")).digest()
            self.sum = (self.sum + int.from_bytes(digest)) % _DIGESTS


def _rows_copied(reading: Connection, writing: Connection, table: Table, done: _RowsDone) -> _RowsDigest:
    read = _RowsDigest()
    for part in _parts(reading, table):
        read.add(part)
        writing.execute(insert(table), [dict(row._mapping) for row in part])  # noqa: SLF001 - SQLAlchemy's public name
        done.add(len(part))
    return read


def _rows_there(connection: Connection, table: Table, done: _RowsDone) -> _RowsDigest:
    found = _RowsDigest()
    for part in _parts(connection, table):
        found.add(part)
        done.add(len(part))
    return found


def _parts(connection: Connection, table: Table) -> Iterator[Sequence[Row[Any]]]:
    return connection.execute(select(table).execution_options(yield_per=_ROWS_AT_ONCE)).partitions()
