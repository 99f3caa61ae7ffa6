"""Migrations: from the first version's tables to today's, with what was in them; by one process at a time."""

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, func, insert, select, text
from sqlalchemy.exc import IntegrityError, OperationalError

from ringfence.hub.fleet import (
    audit,
)
from ringfence.hub.store import dialect, migrations
from ringfence.hub.store.database import Database
from ringfence.hub.store.models import ApiTokenRow, AuditEntryRow, PhoneRow
from ringfence.hub.store.organisation_models import FIRST
from ringfence.hub.store.phone_file_models import PhoneFileRow
from ringfence.hub.store.release_models import FirmwareFileRow, ReleaseRow, UploadRow
from ringfence.hub.store.setting_models import LineSettingRow, PhoneSettingRow
from support.migrated import engine_at, upgrade

REVISIONS = [
    script.revision for script in reversed(list(ScriptDirectory(Path(migrations.__file__).parent).walk_revisions()))
]


def test_each_step_of_the_migrations_keeps_what_was_there(url: str) -> None:
    with engine_at(url) as engine:
        upgrade(engine, REVISIONS[0])
        with engine.begin() as connection:
            for statement in (
                "INSERT INTO site VALUES ('anna', 'Anna', 0, 0, 0, 0, '')",
                "INSERT INTO phone VALUES ('001B54C29A10', 'anna', 'cisco-9971', 'Desk', 7)",
                "INSERT INTO line VALUES ('001B54C29A10', 1, 'Anna', '201', 'Anna', '', :sealed)",
                "INSERT INTO phone_setting VALUES ('001B54C29A10', 'wifi', 'true', NULL)",
            ):
                values = {"sealed": b"\0"} if ":sealed" in statement else {}
                connection.execute(text(statement), values)
        for revision in REVISIONS[1:]:
            upgrade(engine, revision)
            with engine.connect() as connection:
                assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == revision
                assert connection.execute(text("SELECT count(*) FROM line")).scalar() == 1
    with closing(Database(url)) as database, database.of(FIRST).reading() as session:
        phone = session.get_one(PhoneRow, "001B54C29A10")
        assert (phone.model, phone.group_id, phone.description) == ("9971", None, "Desk")
        assert (phone.admitted_at, phone.blocked, phone.running_load) == (7, False, "")
        assert [line.name for line in phone.lines] == ["201"]
        assert session.get_one(PhoneSettingRow, ("001B54C29A10", "wifi")).value is True
    with closing(Database(url)) as database, database.everywhere.reading() as session:
        if session.get_bind().dialect.name == "sqlite":
            assert session.execute(text("PRAGMA foreign_key_check")).all() == []


def test_what_there_was_before_organisations_is_the_first_ones(url: str) -> None:
    with engine_at(url) as engine:
        upgrade(engine, "0022")
        with engine.begin() as connection:
            for statement in (
                (
                    "INSERT INTO site (id, name, name_key, created_at, newest_release, edits, rendered_edits, "
                    "rendered_by) VALUES ('anna', 'Anna', 'anna', 0, 1, 0, 0, '')"
                ),
                "INSERT INTO release VALUES ('anna', 1, 0, '', '', NULL)",
                "INSERT INTO phone (mac, site_id, model, description, created_at) VALUES ('A', 'anna', '9971', '', 7)",
                "INSERT INTO line VALUES ('A', 1, 'Anna', '201', 'Anna', '', '')",
                "INSERT INTO line_setting VALUES ('A', 1, 'x', 'true', NULL)",
                "INSERT INTO firmware_load VALUES ('load', '', 0, '')",
                "INSERT INTO firmware_file VALUES ('load', 'file', 'digest', 1)",
                (
                    "INSERT INTO audit (id, at, actor, actor_id, address, action, subject, detail) "
                    "VALUES (41, 0, '', '', '', '', '', '')"
                ),
                (
                    "INSERT INTO api_token (id, name, token_hash, created_at, created_by, scope) "
                    "VALUES ('key-1', 'old', 'hash', 0, '', 'admin')"
                ),
            ):
                connection.execute(text(statement))
    with closing(Database(url)) as opened, opened.of(FIRST).writing() as session:
        assert [line.name for line in session.get_one(PhoneRow, "A").lines] == ["201"]
        assert session.get_one(LineSettingRow, ("A", 1, "x")).value is True
        assert session.get_one(ReleaseRow, ("anna", 1)).site_id == "anna"
        assert session.get_one(FirmwareFileRow, ("load", "file")).digest == "digest"
        assert session.get_one(UploadRow, "digest")
        assert session.get_one(ApiTokenRow, "key-1").is_hubwide
        entry = AuditEntryRow(at=1.0, actor="", action="", subject="")
        session.add(entry)
        session.flush()
        assert entry.id == 42
        session.delete(session.get_one(PhoneRow, "A"))
        session.flush()
        assert session.scalar(select(func.count()).select_from(LineSettingRow)) == 0
        with pytest.raises(IntegrityError):
            session.execute(insert(PhoneRow), [{"mac": "B", "site_id": "none", "model": "x", "created_at": 0.0}])
        session.rollback()


def test_the_entries_of_before_the_chain_are_chained(url: str) -> None:
    """More than are read at once, of two organisations, with gaps in their numbers."""
    with engine_at(url) as engine:
        upgrade(engine, "0036")
        with engine.begin() as connection:
            connection.execute(text("INSERT INTO organisation (id, name, created_at) VALUES ('other', 'Other', 0)"))
            statement = text(
                "INSERT INTO audit (organisation_id, id, at, actor, actor_id, address, action, subject, detail) "
                "VALUES (:owner, :id, :at, 'Ännchen', 'key-1', '192.0.2.1', 'phone.add', 'a → b', '')"
            )
            for owner, count in (("main", 1500), ("other", 3)):
                rows = [{"owner": owner, "id": 2 * number, "at": number / 7} for number in range(1, count + 1)]
                connection.execute(statement, rows)
                counted = "INSERT INTO last_number (organisation_id, counted, number) VALUES (:owner, 'audit', :number)"
                connection.execute(text(counted), {"owner": owner, "number": 2 * count})
    with closing(Database(url)) as opened:
        for owner, count in (("main", 1500), ("other", 3)):
            with opened.of(owner).writing() as session:
                session.add(UploadRow(digest="d", at=1.0))
            with opened.of(owner).reading() as session:
                found = audit.verify(session)
                assert (found.entries, found.broken) == (count + 1, None)
                assert found.head.startswith(f"{2 * count + 1}:")


def test_phones_files_are_found_in_releases_and_reports(url: str) -> None:
    site = {"id": "anna", "name": "Anna", "name_key": "anna", "created_at": 0, "newest_release": 5, "rendered_by": ""}
    release = {"site_id": "anna", "made_at": 0, "made_by": "", "comment": ""}
    file = {"site_id": "anna", "length": 1}
    report = {"site_id": "anna", "kind": "file-served", "sentence": "", "name": "B.xml", "peer": "", "at": 0}
    sizes = {"size_bytes": 0, "count": 1, "finding": "", "level": "", "decision": "", "duration_s": 0}
    with engine_at(url) as engine:
        upgrade(engine, "0085")
        with engine.begin() as connection:
            put(connection, "site", {**site, "edits": 0, "rendered_edits": 0})
            for bare in "ABC":
                put(
                    connection,
                    "phone",
                    {"mac": bare, "site_id": "anna", "model": "", "description": "", "created_at": 0},
                )
            for number in range(1, 6):
                put(connection, "release", {**release, "number": number})
                for bare, digest in (("A", str(number // 2)), ("B", "same")):
                    of = {**file, "number": number, "owner": bare, "digest": digest}
                    put(connection, "release_target", {**of, "name": f"{bare}.xml", "kind": "configuration"})
                    put(connection, "release_target", {**of, "name": f"{bare}.tlv", "kind": "trust-list"})
            for number in (3, 2):
                served = {"id": number, "seq": number, "owner": "B", "release": number, "received_at": number}
                put(connection, "report", {**report, **sizes, **served})
    with closing(Database(url)) as opened, opened.of(FIRST).reading() as session:
        found = {row.mac: row for row in session.scalars(select(PhoneFileRow))}
    told = {mac: (row.name, row.digest, row.since, row.taken, row.taken_at) for mac, row in found.items()}
    assert told == {"A": ("A.xml", "2", 4, None, None), "B": ("B.xml", "same", 1, 3, 3.0)}


def put(connection: Connection, table: str, row: Mapping[str, object]) -> None:
    """Put a row of the first organisation into a table, as that is at the moment."""
    columns = {"organisation_id": FIRST, **row}
    names = ", ".join(columns)
    connection.execute(text(f"INSERT INTO {table} ({names}) VALUES (:{names.replace(', ', ', :')})"), columns)  # noqa: S608 - the test's own names


def test_opening_twice_migrates_once(url: str) -> None:
    for _ in range(2):
        with closing(Database(url)) as database, database.everywhere.reading() as session:
            assert session.execute(text("SELECT count(*) FROM alembic_version")).scalar() == 1


def test_two_processes_that_open_a_new_database_at_once_migrate_it_once(url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        opened = list(pool.map(lambda _: Database(url), range(4)))
    for database in opened:
        with database.everywhere.reading() as session:
            assert session.execute(text("SELECT count(*) FROM alembic_version")).scalar() == 1
        database.close()


def test_a_hub_that_starts_waits_longer_for_one_that_migrates_than_others_wait(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialect, "BUSY_TIMEOUT_MS", 50)
    begins, upgrade = threading.Event(), migrations.upgrade

    def seen(engine: Engine, options: Mapping[str, object]) -> None:
        begins.set()
        upgrade(engine, options)

    monkeypatch.setattr(migrations, "upgrade", seen)
    engine = create_engine(dialect.driver_url(url))
    dialect.prepare(engine)
    writing = engine.execution_options(**{dialect.WRITING: True})
    with ThreadPoolExecutor(1) as pool:
        with writing.begin():
            opening = pool.submit(Database, url)
            assert begins.wait(60)
            for _ in range(3):
                with pytest.raises(OperationalError), writing.begin():
                    pass
        engine.dispose()
        with closing(opening.result()) as database, database.everywhere.writing() as session:
            assert session.execute(text("SELECT count(*) FROM alembic_version")).scalar() == 1
