"""The database of the hubs that tests make: SQLite, or PostgreSQL where RINGFENCE_TEST_DATABASE says so.

One server runs for a process of tests, from the first hub on; each hub has a database of its own there, made from one
that has this version's tables already.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import make_url

from ringfence.hub.data.folder import DataFolder
from ringfence.hub.store.copies import copy_database
from ringfence.hub.store.database import Database
from support.postgresql_server import PostgresqlServer, postgresql

IS_POSTGRESQL = os.environ.get("RINGFENCE_TEST_DATABASE", "sqlite") == "postgresql"

sqlite_only = pytest.mark.skipif(IS_POSTGRESQL, reason="it needs SQLite's own file")

_RUNNING: list[tuple[PostgresqlServer, str]] = []
_UNTIL_THE_END = ExitStack()


@contextmanager
def for_the_session() -> Iterator[None]:
    """End the server, if one was started, at the end of the block."""
    with _UNTIL_THE_END:
        yield
    _RUNNING.clear()


def new_url() -> str:
    """Return the address of a new database with this version's tables; "" for a hub's own SQLite."""
    if not IS_POSTGRESQL:
        return ""
    server, template = _server()
    return server.url(server.new_database(template))


def copied(path: Path, to: Path) -> Path:
    """Copy a hub's data folder, and with it the database that is elsewhere; return the copy."""
    shutil.copytree(path, to)
    if url := DataFolder(to).config().database_url:
        server, _template = _server()
        DataFolder(to).edit_config(database_url=server.url(server.new_database(str(make_url(url).database))))
    return to


def all_bytes(path: Path) -> bytes:
    """Return every byte that the database of a data folder holds, for who looks for what must not be there."""
    folder = DataFolder(path)
    if not folder.config().database_url:
        return b"".join(file.read_bytes() for file in sorted(path.glob("hub.sqlite*")))
    with tempfile.TemporaryDirectory() as space:
        copy_database(folder.config().database_url, Path(space) / "copy.sqlite")
        return (Path(space) / "copy.sqlite").read_bytes()


def delete(path: Path) -> None:
    """Delete the database of a data folder that nobody has open any more, where it is a server's."""
    if url := DataFolder(path).config().database_url:
        _server()[0].drop_database(str(make_url(url).database))


def _server() -> tuple[PostgresqlServer, str]:
    if not _RUNNING:
        server = _UNTIL_THE_END.enter_context(postgresql())
        template = server.new_database()
        Database(server.url(template)).close()
        _RUNNING.append((server, template))
    return _RUNNING[0]
