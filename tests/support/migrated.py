"""A database brought to the tables of any revision."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine

from ringfence.hub.store import dialect, migrations


@contextmanager
def engine_at(url: str) -> Iterator[Engine]:
    engine = create_engine(dialect.driver_url(url))
    dialect.prepare(engine)
    try:
        yield engine.execution_options(**{dialect.WRITING: True})
    finally:
        engine.dispose()


def upgrade(engine: Engine, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
