"""A new database's tables are made at once; they must be those to which every revision in turn leads."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, MetaData, inspect, select
from sqlalchemy.engine import Inspector

from ringfence.hub.store import dialect, migrations
from ringfence.hub.store.base import Base
from support.migrated import engine_at, upgrade

Described = dict[str, Any]  # Any: what an inspector tells of a table
NewUrl = Callable[[], str]
MAKE = "import sys; from ringfence.hub.store.database import Database; Database(sys.argv[1]).close()"


def tables_of(engine: Engine) -> Described:
    """Every table by its name: columns, key, links, indexes and what is unique, each with its name.

    Defaults that the database fills in are left out: the hub gives a value for each column, and a revision can't do
    without one where rows are there.
    """
    told = inspect(engine)
    return {name: _described(told, name) for name in told.get_table_names()}


def _described(told: Inspector, name: str) -> Described:
    return {
        "columns": {each["name"]: (str(each["type"]), each["nullable"]) for each in told.get_columns(name)},
        "key": told.get_pk_constraint(name),
        "links": sorted(map(str, told.get_foreign_keys(name))),
        "indexes": sorted(map(str, told.get_indexes(name))),
        "unique": sorted(map(str, told.get_unique_constraints(name))),
        "checks": sorted(map(str, told.get_check_constraints(name))),
    }


def rows_of(engine: Engine) -> dict[str, list[Described]]:
    metadata = MetaData()
    with engine.connect() as connection:
        metadata.reflect(connection)
        found = {
            table.name: [dict(row) for row in connection.execute(select(table)).mappings()]
            for table in metadata.sorted_tables
        }
    return {name: rows for name, rows in found.items() if rows}


def test_a_new_database_is_the_one_to_which_all_revisions_lead(url: str, new_url: NewUrl) -> None:
    # Another process has loaded no model that the database's module doesn't load by itself.
    subprocess.run([sys.executable, "-c", MAKE, url], check=True)
    with engine_at(url) as new, engine_at(new_url()) as old:
        upgrade(old, "head")
        assert tables_of(new) == tables_of(old)
        of_new, of_old = rows_of(new), rows_of(old)
        assert set(of_new) == {"alembic_version", "organisation"}
        for rows in (of_new, of_old):
            (first,) = rows["organisation"]
            assert first.pop("created_at") > 0
        assert of_new == of_old
        with old.connect() as connection:
            assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_a_database_of_an_older_version_is_never_taken_for_a_new_one(url: str) -> None:
    with engine_at(url) as engine:
        upgrade(engine, "0001")
        migrations.upgrade(engine, {dialect.WRITING: True})
        assert "organisation" in tables_of(engine)
