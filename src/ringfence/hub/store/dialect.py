"""What each database needs said, so that both behave alike: with ``server_sessions.py``, all SQL of a single database.

Whatever the database, a transaction that reads sees one moment and never waits for a writer, and those that write queue
up: a check that one makes still holds when it writes. None waits longer than ``BUSY_TIMEOUT_MS``, but for a process
that starts while another one migrates the tables (``PATIENCE_MS``).

SQLite: every connection gets write-ahead logging, foreign keys, and patience. The driver's own way of opening
transactions is turned off: a transaction that will write says so at its beginning, so that two of them queue up instead
of failing half-way (https://www.sqlite.org/lang_transaction.html).

PostgreSQL: what reads is REPEATABLE READ, which is one moment there, and READ ONLY; what writes begins with the
writers' advisory lock (https://www.postgresql.org/docs/current/transaction-iso.html, …/explicit-locking.html).
"""

import re
import sqlite3
import time
from typing import Any

from sqlalchemy import URL, Boolean, ColumnElement, Connection, Engine, event, make_url
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

BUSY_TIMEOUT_MS = 10_000
WRITING = "ringfence_writing"
"""The execution option of connections whose transactions will write."""
PATIENCE_MS = "ringfence_patience_ms"
"""The execution option of those that wait for other writers for another time than ``BUSY_TIMEOUT_MS``."""

_SQLITE_PRAGMAS = (
    "PRAGMA synchronous = FULL",  # what was acknowledged to an edge or a person outlives a power cut
    "PRAGMA foreign_keys = ON",
    "PRAGMA journal_size_limit = 33554432",  # a publish reads one moment for long, and the log grows until it ends
)
_PRIMARY_CODE = 0xFF
"""The bits of an extended error code that name the primary one."""
_BUSY_PAUSE_S = 0.01
_POSTGRESQL_WRITERS = 0x52_46_57_54
"""The advisory lock's number: any, as long as every version of the hub has the same."""
_POSTGRESQL_DRIVER = "postgresql+psycopg"


def driver_url(url: str) -> URL:
    """Return a database's address with the driver that the hub brings, where it names none."""
    parsed = make_url(url)
    return parsed.set(drivername=_POSTGRESQL_DRIVER) if parsed.drivername == "postgresql" else parsed


def is_a_server(url: URL) -> bool:
    """Return whether a database is another process, to which a connection may have ended."""
    return url.get_backend_name() != "sqlite"


def prepare(engine: Engine) -> None:
    """Attach what ``engine``'s database needs to each of its connections."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _on_sqlite_connect)
        event.listen(engine, "begin", _on_sqlite_begin)
    elif engine.dialect.name == "postgresql":
        event.listen(engine, "begin", _on_postgresql_begin)


def _on_sqlite_connect(connection: sqlite3.Connection, _record: Any) -> None:  # noqa: ANN401 - the pool's own record
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    for pragma in _SQLITE_PRAGMAS:
        connection.execute(pragma)
    _use_write_ahead_log(connection)


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Change a new file to write-ahead logging, which it then keeps.

    SQLite has no patience here: two processes that open a new file at the same moment make one of them fail at once,
    whatever its timeout is.
    """
    until = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as fault:
            if fault.sqlite_errorcode & _PRIMARY_CODE != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(_BUSY_PAUSE_S)
        else:
            return


def _on_sqlite_begin(connection: Connection) -> None:
    if not _will_write(connection):
        connection.exec_driver_sql("BEGIN")
    elif (patience_ms := _patience_ms(connection)) == BUSY_TIMEOUT_MS:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {patience_ms}")
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        finally:
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")


def _on_postgresql_begin(connection: Connection) -> None:
    if _will_write(connection):
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {_patience_ms(connection)}")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_POSTGRESQL_WRITERS})")
    else:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


def _will_write(connection: Connection) -> bool:
    return bool(connection.get_execution_options().get(WRITING, False))


def _patience_ms(connection: Connection) -> int:
    return int(connection.get_execution_options().get(PATIENCE_MS, BUSY_TIMEOUT_MS))


def others_connected(connection: Connection) -> int:
    """Return how many others are connected to a server's database; 0 for a file, which its folder's lock is for."""
    if connection.dialect.name != "postgresql":
        return 0
    counted = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    return int(connection.exec_driver_sql(f"{counted} AND backend_type = 'client backend'").scalar_one())


class _LikeInAnyCase(FunctionElement[bool]):
    type = Boolean()
    inherit_cache = True


def contains_in_any_case(column: InstrumentedAttribute[str], text: str) -> ColumnElement[bool]:
    """Return the condition that a column's value has ``text`` in it, in any case; SQLite knows cases in ASCII alone.

    SQLAlchemy's ``icontains`` says ``lower(column) LIKE lower(text)``, which takes SQLite more than twice as long.
    """
    escaped = re.sub(r"[/%_]", r"/\g<0>", text)
    return _LikeInAnyCase(column, f"%{escaped}%")


@compiles(_LikeInAnyCase, "sqlite")
def _like(element: _LikeInAnyCase, compiler: SQLCompiler, **how: Any) -> str:  # noqa: ANN401 - SQLAlchemy's own
    column, pattern = element.clauses
    return f"({compiler.process(column, **how)} LIKE {compiler.process(pattern, **how)} ESCAPE '/')"


@compiles(_LikeInAnyCase, "postgresql")
def _ilike(element: _LikeInAnyCase, compiler: SQLCompiler, **how: Any) -> str:  # noqa: ANN401 - SQLAlchemy's own
    column, pattern = element.clauses
    return f"({compiler.process(column, **how)} ILIKE {compiler.process(pattern, **how)} ESCAPE '/')"
