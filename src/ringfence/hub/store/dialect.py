"""What SQLite needs said and PostgreSQL does not: the one module with SQL of a single database.

Every connection gets write-ahead logging (readers never wait for the writer), foreign keys, and patience. The driver's
own way of opening transactions is turned off: a transaction that will write says so at its beginning, so that
two of them queue up instead of failing half-way (https://www.sqlite.org/lang_transaction.html).
"""

import sqlite3
from typing import Any

from sqlalchemy import Connection, Engine, event

BUSY_TIMEOUT_MS = 10_000
WRITING = "ringfence_writing"
"""The execution option of connections whose transactions will write."""

_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # what was acknowledged to an edge or a person outlives a power cut
    "PRAGMA foreign_keys = ON",
    f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}",
)


def prepare(engine: Engine) -> None:
    """Attach what ``engine``'s database needs to each of its connections."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _on_connect)
        event.listen(engine, "begin", _on_begin)


def _on_connect(connection: sqlite3.Connection, _record: Any) -> None:  # noqa: ANN401 - the pool's own record
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(pragma)


def _on_begin(connection: Connection) -> None:
    writing = connection.get_execution_options().get(WRITING, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
