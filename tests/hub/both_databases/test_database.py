"""The port to the database: one suite for SQLite and PostgreSQL, from the first table to a publish."""

import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import Engine, event, func, insert, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ringfence.hub.core import Hub
from ringfence.hub.data_errors import DatabaseUnavailable
from ringfence.hub.errors import NotStorable, PublishRunning
from ringfence.hub.fleet import (
    bulk,
    lines,
    phones,
)
from ringfence.hub.fleet.bulk import BulkLine, BulkPhone
from ringfence.hub.fleet.guard import alerts
from ringfence.hub.fleet.lines import LineParts
from ringfence.hub.publishing import publication_lock
from ringfence.hub.publishing.publish import differences, publish, rollback
from ringfence.hub.publishing.releases import newest_targets
from ringfence.hub.store import dialect
from ringfence.hub.store.base import MOST_COUNTED
from ringfence.hub.store.database import BoundDatabase, Database
from ringfence.hub.store.guard_models import GuardCountRow
from ringfence.hub.store.models import EdgeReportRow, EdgeRow, PhoneRow, SiteRow
from ringfence.hub.store.organisation_models import FIRST
from ringfence.hub.store.pages import Page
from ringfence.wire.messages import Report
from support.hub_on_database import ANNA, BEN, edge_of, report
from support.postgresql_server import PostgresqlServer


def test_what_is_noted_by_the_way_neither_waits_for_a_writer_nor_fails(database: BoundDatabase) -> None:
    def note(session: Session) -> None:
        session.add(SiteRow(id="noted", name="Noted", created_at=0.0))

    def is_there() -> bool:
        with database.reading() as session:
            return session.get(SiteRow, "noted") is not None

    with database.writing() as session:
        session.execute(text("SELECT 1"))
        assert not database.write_if_free(note)
    assert not is_there()
    assert database.write_if_free(note)
    assert is_there()


def test_a_new_file_that_another_process_writes_to_just_now_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite refuses at once to change the journal of a file that somebody writes to, whatever its timeout is."""
    file, pauses = tmp_path / "new.sqlite", []
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        def pause(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == 3:
                other.execute("COMMIT")

        monkeypatch.setattr(dialect, "time", SimpleNamespace(monotonic=time.monotonic, sleep=pause))
        with closing(Database(f"sqlite:///{file}")) as database, database.everywhere.reading() as session:
            assert session.execute(text("PRAGMA journal_mode")).scalar() == "wal"
    assert len(pauses) == 3


def test_foreign_keys_hold(database: BoundDatabase) -> None:
    with pytest.raises(IntegrityError), database.writing() as session:
        session.execute(insert(PhoneRow), [{"mac": "1" * 12, "site_id": "none", "model": "x", "created_at": 0.0}])


def test_a_block_that_raises_leaves_nothing(database: BoundDatabase) -> None:
    def fail() -> None:
        with database.writing() as session:
            session.add(SiteRow(id="half", name="Half", created_at=0.0))
            session.flush()
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with database.reading() as session:
        assert session.get(SiteRow, "half") is None


def test_a_reader_sees_one_moment_and_waits_for_no_writer(database: BoundDatabase) -> None:
    with database.reading() as reading:
        assert reading.scalar(select(func.count()).select_from(SiteRow)) == 0
        with database.writing() as writing:
            writing.add(SiteRow(id="new", name="New", created_at=0.0))
            writing.flush()
            with database.reading() as another:
                assert another.get(SiteRow, "new") is None
        assert reading.scalar(select(func.count()).select_from(SiteRow)) == 0
    with database.reading() as reading:
        assert reading.scalar(select(func.count()).select_from(SiteRow)) == 1


def test_writers_queue_so_that_what_one_checks_still_holds_when_it_writes(database: BoundDatabase) -> None:
    with database.writing() as session:
        session.add(SiteRow(id="anna", name="Anna", created_at=0.0))

    def add(_number: int) -> None:
        with database.writing() as session:
            row = session.get_one(SiteRow, "anna")
            before = row.newest_release
            time.sleep(0.002)
            row.newest_release = before + 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(40)))
    with database.reading() as session:
        assert session.get_one(SiteRow, "anna").newest_release == 40


def test_a_writer_that_waits_too_long_is_told(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialect, "BUSY_TIMEOUT_MS", 50)
    with closing(Database(url)) as database, database.of(FIRST).writing() as first:
        first.add(SiteRow(id="slow", name="Slow", created_at=0.0))
        first.flush()
        with pytest.raises(DatabaseUnavailable, match="does not answer"), database.of(FIRST).writing() as second:
            second.get(SiteRow, "slow")


def test_no_parameter_of_a_statement_is_in_a_databases_error(database: BoundDatabase) -> None:
    with pytest.raises(IntegrityError) as raised, database.writing() as session:
        session.execute(insert(PhoneRow), [{"mac": "s3cret", "site_id": "none", "model": "x", "created_at": 0.0}])
    assert "s3cret" not in str(raised.value).partition("DETAIL")[0]


def test_a_publish_a_rollback_and_what_they_changed(hub: Hub) -> None:
    assert [site.release for site in publish(hub, "test").sites] == [1]
    with hub.change("test") as change:
        lines.put(change, hub.sealer, ANNA, 1, LineParts(label="Desk"))
    done = publish(hub, "test", comment="Relabelled")
    assert [(site.release, site.previous) for site in done.sites] == [(2, 1)]
    assert publish(hub, "test").sites == []
    assert "Desk" in differences(hub, "anna", 2, 1)[0].diff
    assert rollback(hub, "test", "anna", 1) == 3
    with hub.database.reading() as session:
        assert [target.name for target in newest_targets(session, ["anna"])["anna"]] == [f"SEP{ANNA.bare}.cnf.xml"]
        assert session.get_one(SiteRow, "anna").newest_release == 3


def test_one_publish_at_a_time_and_none_that_a_crash_leaves(hub: Hub) -> None:
    with publication_lock.held(hub, "first"), pytest.raises(PublishRunning, match="first"):
        publish(hub, "second")
    both = threading.Barrier(2, timeout=60)

    refused = threading.Event()

    def take() -> bool:
        both.wait()
        try:
            with publication_lock.held(hub, "one of two"):
                return refused.wait(20)
        except PublishRunning:
            refused.set()
            return False

    with ThreadPoolExecutor(2) as pool:
        assert sorted(done.result() for done in [pool.submit(take), pool.submit(take)]) == [False, True]
    now = hub.clock()
    with publication_lock.held(hub, "crashed"):
        hub.clock = lambda: now + publication_lock.LENGTH_S + 1
        assert [site.release for site in publish(hub, "after it").sites] == [1]


def test_whatever_an_edge_reports_is_stored(hub: Hub) -> None:
    edge_of(hub)
    most = 2**63 - 1
    nul = "a\0b" * 3000
    wild = Report(
        1, -1e300, nul, nul, nul, nul, nul, release=most, size_bytes=most, duration_s=1e300, finding=nul, level=nul,
        decision=nul, count=most,
    )  # fmt: skip
    alarm = Report(2, 1.0, "banned", "Again\0", peer="192.0.2.1", count=most)
    again = Report(3, 1.0, "banned", "Again", peer="192.0.2.1", count=most)
    served = Report(4, 1.0, "release-served", "Served", release=most)
    assert report(hub, wild, alarm, again, served) == 4
    with hub.database.reading() as session:
        row = session.scalars(select(EdgeReportRow).where(EdgeReportRow.seq == 1)).one()
        assert (row.kind[:3], row.release) == ("a\N{REPLACEMENT CHARACTER}b", MOST_COUNTED)
        assert (row.count, row.size_bytes) == (MOST_COUNTED, most)
        assert (row.at, row.duration_s) == (0.0, 1e7)
        found = {alert.kind: alert.count for alert in alerts.find(session, Page(100), site_id="anna").rows}
        assert found == {"banned": MOST_COUNTED, "foreign-reports": 1}
        assert session.get_one(EdgeRow, "edge-1").release == 0, "no site has release 9,223,372,036,854,775,807"


def test_guards_counts_of_many_edges_add_up(hub: Hub) -> None:
    for number in range(4):
        edge_of(hub, f"edge-{number}")

    def count(number: int) -> None:
        for seq in range(1, 11):
            counted = Report(seq, 1.0, "decisions-counted", "", finding="allow", level="L3", count=3)
            report(hub, counted, edge_id=f"edge-{number}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(4)))
    with hub.database.reading() as session:
        assert session.get_one(GuardCountRow, ("anna", "allow", "L3")).count == 120


def an_import(count: int) -> list[BulkPhone]:
    return [
        BulkPhone(
            f"001B54C2{number:04X}", "anna", "9971", f"Phone {number}", "", {"time_zone": "Europe/Berlin"},
            [BulkLine(1, LineParts(name=str(400 + number)), {}, number + 2)], number + 2,
        )
        for number in range(count)
    ]  # fmt: skip


def test_a_dry_run_waits_for_no_writer_and_finds_what_an_import_does(hub: Hub) -> None:
    items = [*an_import(3), replace(an_import(1)[0], mac=str(ANNA), site="", model="", description="Hall")]
    items[2] = replace(items[2], lines=[replace(items[2].lines[0], parts=LineParts(name="400"))])
    with hub.change("somebody else") as change:
        change.session.connection()  # all who write wait until this ends
        tried = bulk.take(hub, "test", items, site_settings={"anna": {"sip_server": "b.example.org"}}, dry_run=True)
    with hub.database.reading() as session:
        assert len(phones.find(session)) == 1
    made = bulk.take(hub, "test", items, site_settings={"anna": {"sip_server": "b.example.org"}}, dry_run=False)
    assert tried == made
    assert (len(made.added), made.changed, list(made.shared_users)) == (3, 1, ["400"])
    assert (made.refusals, tried.refusals) == ([], [])


def test_what_an_import_asks_of_the_database_is_bounded_for_each_phone(hub: Hub) -> None:
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_how: object) -> None:
        asked.append(statement)

    def statements(count: int, first: int) -> int:
        asked.clear()
        items = [replace(item, mac=f"001B54C3{first + at:04X}") for at, item in enumerate(an_import(count))]
        assert not bulk.take(hub, "test", items, site_settings={}, dry_run=False).refusals
        return len(asked)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        few, many = statements(10, 0), statements(60, 100)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert (many - few) / 50 <= 5, "a row for the phone, its line and its setting, and next to nothing besides"


def test_a_bulk_that_is_refused_leaves_nothing(hub: Hub) -> None:
    def item(mac: str, row: int) -> bulk.BulkPhone:
        return bulk.BulkPhone(mac, "New site", "9971", "", "New group", {}, [], row)

    def take(*items: bulk.BulkPhone) -> bulk.BulkOutcome:
        return bulk.take(hub, "test", items, site_settings={}, dry_run=False, make_sites=True)

    done = take(item(str(BEN), 2), item("nonsense", 3))
    assert [(each.row, each.column) for each in done.refusals] == [(3, "mac")]
    with hub.database.reading() as session:
        assert session.get(PhoneRow, BEN.bare) is None
        assert session.get(SiteRow, "new-site") is None
    assert take(item(str(BEN), 2)).added == [BEN]


@pytest.mark.slow
@pytest.mark.needs("postgresql")
@pytest.mark.parametrize("name", ["x" * 500, "a\0b"])
def test_what_postgresql_has_no_place_for_is_a_bad_input(server: PostgresqlServer, name: str) -> None:
    with (
        closing(Database(server.url(server.new_database()))) as database,
        pytest.raises(NotStorable) as refused,
        database.of(FIRST).writing() as session,
    ):
        session.add(SiteRow(id="anna", name=name, created_at=0.0))
    assert name not in str(refused.value)


def test_a_database_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match="the database does not answer"):
        Database(f"sqlite:///{tmp_path / 'no folder' / 'new.sqlite'}")
    with pytest.raises(DatabaseUnavailable, match="the database does not answer"):
        Database(f"postgresql://nobody@/none?host={tmp_path}")


def test_sqlite_writes_ahead(tmp_path: Path) -> None:
    with (
        closing(Database(f"sqlite:///{tmp_path / 'new.sqlite'}")) as database,
        database.everywhere.reading() as session,
    ):
        assert session.execute(text("PRAGMA journal_mode")).scalar() == "wal"


@pytest.mark.slow
@pytest.mark.needs("postgresql")
def test_a_reading_session_can_not_write_in_postgresql(server: PostgresqlServer) -> None:
    with closing(Database(server.url(server.new_database()))) as database, database.everywhere.reading() as session:
        assert session.execute(text("SHOW transaction_read_only")).scalar() == "on"
        assert session.execute(text("SHOW transaction_isolation")).scalar() == "repeatable read"
