"""From any older version's tables to this one's: the revisions, and what runs them.

A new database gets this version's tables at once, as the models have them; nothing but the first organisation is in it.
"""

import time
from collections.abc import Mapping
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, insert, inspect

from ringfence.hub.data_errors import DataFolderNewer
from ringfence.hub.store.base import Base
from ringfence.hub.store.organisation_models import FIRST, OrganisationRow

_FIRST_NAME = "Main"


def upgrade(engine: Engine, options: Mapping[str, object]) -> None:
    """Bring the database to this version's tables, in one transaction.

    Args:
        engine: The database's, which reads; nothing waits for other writers where there is nothing to do.
        options: The execution options of the connection that migrates.

    Raises:
        DataFolderNewer: The database is beyond this version's tables.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    with engine.connect() as connection:
        heads = set(MigrationContext.configure(connection).get_current_heads())
    if heads - known:
        raise DataFolderNewer(
            "this data folder was written by a newer version of ringfence",
            where=f"revision {', '.join(sorted(heads - known))}",
            to_do="Install that version again, or restore the backup from before the upgrade.",
        )
    if heads == set(ScriptDirectory.from_config(config).get_heads()):
        return
    with engine.execution_options(**options).begin() as connection:
        config.attributes["connection"] = connection
        if inspect(connection).get_table_names():
            command.upgrade(config, "head")
        else:
            _make_tables(connection)
            command.stamp(config, "head")


def _make_tables(connection: Connection) -> None:
    Base.metadata.create_all(connection)
    connection.execute(insert(OrganisationRow).values(id=FIRST, name=_FIRST_NAME, created_at=time.time()))
