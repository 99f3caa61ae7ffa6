"""A PostgreSQL of the tests' own: in a folder that goes with it, on a Unix socket, as a user without rights."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from sqlalchemy import create_engine, text

_USER = "ringfence"
_OPTIONS = (
    "-c fsync=off -c synchronous_commit=off -c full_page_writes=off "  # a test's database outlives no power cut
    "-c shared_buffers=16MB -c max_connections=200 -c listen_addresses=''"
)


def program(name: str) -> str | None:
    """Return where a program of the server is; Debian keeps them beside the path."""
    beside = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return shutil.which(name) or next((str(path) for path in reversed(beside)), None)


def is_there() -> bool:
    return program("initdb") is not None and program("pg_ctl") is not None


class PostgresqlServer:
    """A running server, and fresh databases in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers = count(1)

    def url(self, database: str) -> str:
        return f"postgresql://{_USER}@/{database}?host={self.folder}"

    def new_database(self, template: str = "template0") -> str:
        """Make a database, empty or as another one is, to which nobody is connected; return its name."""
        name = f"hub_{next(self._numbers)}"
        self.do(f"CREATE DATABASE {name} TEMPLATE {template} ENCODING 'UTF8'")
        return name

    def drop_database(self, name: str) -> None:
        """Delete a database, whoever is connected to it."""
        self.do(f"DROP DATABASE {name} WITH (FORCE)")

    def do(self, statement: str) -> None:
        """Run a statement that is in no transaction."""
        engine = create_engine(
            self.url("postgres").replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT"
        )
        try:
            with engine.connect() as connection:
                connection.execute(text(statement))
        finally:
            engine.dispose()


@contextmanager
def postgresql() -> Iterator[PostgresqlServer]:
    """Run a server for the length of the block."""
    user = "nobody" if os.geteuid() == 0 else None  # it refuses to run as root
    folder = Path(tempfile.mkdtemp(prefix="rf-postgresql-"))
    if user is not None:
        shutil.chown(folder, user)
    data = folder / "data"

    def do(name: str, *arguments: str) -> None:
        command = [program(name) or name, "-D", str(data), *arguments]
        with (folder / f"{name}.log").open("a") as log:
            subprocess.run(
                command, check=True, stdout=log, stderr=log, user=user, cwd=folder, env={**os.environ, "LC_ALL": "C"}
            )

    try:
        do("initdb", "--auth=trust", f"--username={_USER}", "--encoding=UTF8", "--no-sync")
        do("pg_ctl", "-w", "-l", str(data / "log"), "-o", f"-k '{folder}' {_OPTIONS}", "start")
        try:
            yield PostgresqlServer(folder)
        finally:
            do("pg_ctl", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
