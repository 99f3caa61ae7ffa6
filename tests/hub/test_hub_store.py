from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, insert, text
from sqlalchemy.exc import IntegrityError

from ringfence.hub.core import Hub
from ringfence.hub.errors import DatabaseUnavailable
from ringfence.hub.store import dialect, migrations
from ringfence.hub.store.base import Base
from ringfence.hub.store.database import Database
from ringfence.hub.store.models import PhoneRow, PhoneSettingRow, SiteRow


def test_the_migrations_make_exactly_the_tables_of_the_models(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.sqlite'}"
    Database(url).close()
    engine = create_engine(url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()


def test_the_first_versions_phones_and_lines_are_kept(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.sqlite'}"
    engine = create_engine(url)
    dialect.prepare(engine)
    with engine.execution_options(**{dialect.WRITING: True}).begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for statement in (
            "INSERT INTO site VALUES ('anna', 'Anna', 0, 0, 0, 0, '')",
            "INSERT INTO phone VALUES ('001B54C29A10', 'anna', 'cisco-9971', 'Desk', 0)",
            "INSERT INTO line VALUES ('001B54C29A10', 1, 'Anna', '201', 'Anna', '', x'00')",
            "INSERT INTO phone_setting VALUES ('001B54C29A10', 'wifi', 'true', NULL)",
        ):
            connection.execute(text(statement))
    engine.dispose()
    database = Database(url)
    with database.reading() as session:
        phone = session.get_one(PhoneRow, "001B54C29A10")
        assert (phone.model, phone.group_id, phone.description) == ("9971", None, "Desk")
        assert [line.name for line in phone.lines] == ["201"]
        assert session.get_one(PhoneSettingRow, ("001B54C29A10", "wifi")).value is True
        assert session.execute(text("PRAGMA foreign_key_check")).all() == []
    database.close()


def test_opening_twice_migrates_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.sqlite'}"
    for _ in range(2):
        database = Database(url)
        with database.reading() as session:
            assert session.execute(text("SELECT count(*) FROM alembic_version")).scalar() == 1
        database.close()


def test_sqlite_keeps_foreign_keys_and_writes_ahead(idle: Hub) -> None:
    with idle.database.reading() as session:
        facts = [session.execute(text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "foreign_keys")]
        assert facts == ["wal", 1]
    with pytest.raises(IntegrityError), idle.database.writing() as session:
        session.execute(insert(PhoneRow), [{"mac": "1" * 12, "site_id": "none", "model": "x", "created_at": 0.0}])


def test_a_block_that_raises_leaves_nothing(idle: Hub) -> None:
    def fail() -> None:
        with idle.database.writing() as session:
            session.add(SiteRow(id="half", name="Half", created_at=0.0))
            session.flush()
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with idle.database.reading() as session:
        assert session.get(SiteRow, "half") is None


def test_readers_do_not_wait_for_a_writer(idle: Hub) -> None:
    with idle.database.writing() as writing:
        writing.add(SiteRow(id="new", name="New", created_at=0.0))
        writing.flush()
        with idle.database.reading() as reading:
            assert reading.get(SiteRow, "new") is None


def test_a_database_that_can_not_be_opened_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match="the database does not answer"):
        Database(f"sqlite:///{tmp_path / 'no folder' / 'new.sqlite'}")


def test_no_parameter_of_a_statement_is_in_a_databases_error(idle: Hub) -> None:
    with pytest.raises(IntegrityError) as raised, idle.database.writing() as session:
        session.execute(insert(PhoneRow), [{"mac": "s3cret", "site_id": "none", "model": "x", "created_at": 0.0}])
    assert "s3cret" not in str(raised.value)
