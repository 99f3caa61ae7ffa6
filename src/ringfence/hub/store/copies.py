"""A copy of the whole database as one SQLite file, as it was at one moment, while the hub goes on; and back."""

import sqlite3
from pathlib import Path

from sqlalchemy import create_engine, delete, insert, make_url, select
from sqlalchemy.exc import SQLAlchemyError

from ringfence.hub.data_errors import DatabaseUnavailable
from ringfence.hub.store import dialect
from ringfence.hub.store.base import Base
from ringfence.hub.store.database import Database
from ringfence.hub.store.organisation_models import OrganisationRow

_ROWS_AT_ONCE = 1000


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
        DatabaseUnavailable: It can't be reached or written, or has something in it.
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


def _copy_rows(url: str, to_url: str) -> None:
    """Copy all rows into a database with this version's tables and nothing in them, in one transaction."""
    source, target = (create_engine(dialect.driver_url(each), hide_parameters=True) for each in (url, to_url))
    dialect.prepare(source)
    tables, own = Base.metadata.sorted_tables, Base.metadata.tables[OrganisationRow.__tablename__]
    try:
        with source.connect() as reading, target.begin() as writing:
            for table in tables:
                if table != own and writing.execute(select(table).limit(1)).first() is not None:
                    raise DatabaseUnavailable(
                        f"the database is not empty: there is something in {table.name}",
                        to_do="Give one that was just created.",
                    )
            writing.execute(delete(own))  # the organisation that the migrations have made; the copy brings it
            for table in tables:
                rows = reading.execute(select(table).execution_options(yield_per=_ROWS_AT_ONCE)).mappings()
                for part in rows.partitions():
                    writing.execute(insert(table), [dict(row) for row in part])
    finally:
        source.dispose()
        target.dispose()
