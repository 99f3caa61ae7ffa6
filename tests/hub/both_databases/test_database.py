"""The port to the database: one suite for SQLite and PostgreSQL, from the first table to a publish."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Barrier
from types import SimpleNamespace

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, event, func, insert, select, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from ringfence.errors import RingfenceError
from ringfence.hub import within
from ringfence.hub.core import Hub, open_hub
from ringfence.hub.data.config import make_config
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.errors import DatabaseUnavailable, EdgeRefused, NotStorable, OutOfOrder, PublishRunning
from ringfence.hub.fleet import (
    activation_use,
    activations,
    api_tokens,
    audit,
    bulk,
    edges,
    enrolment_tokens,
    lines,
    organisation_use,
    passwords,
    people,
    phones,
    report_budget,
    reports,
    second_steps,
    settings,
    sites,
)
from ringfence.hub.fleet.activation_use import CodeUser, PhoneAtHand
from ringfence.hub.fleet.activations import PreparedPhone
from ringfence.hub.fleet.audit import AuditFilter
from ringfence.hub.fleet.bulk import BulkLine, BulkPhone
from ringfence.hub.fleet.edges import Certificate
from ringfence.hub.fleet.guard import alerts, report_intake
from ringfence.hub.fleet.lines import LineParts
from ringfence.hub.fleet.settings import ORGANISATION
from ringfence.hub.fleet.sign_in_throttle import SignInThrottle
from ringfence.hub.people.sign_ins import SignIns
from ringfence.hub.process.init import init
from ringfence.hub.publishing import publication_lock, rollout_gate, rollout_orders, rollouts
from ringfence.hub.publishing.publish import differences, publish, rollback
from ringfence.hub.publishing.releases import newest_targets
from ringfence.hub.publishing.rollouts import NewRollout
from ringfence.hub.recovery import backup, restore
from ringfence.hub.recovery.sealed_file import Lock, Opener
from ringfence.hub.store import dialect, migrations
from ringfence.hub.store.base import MOST_COUNTED, Base
from ringfence.hub.store.binding import EVERYWHERE
from ringfence.hub.store.copies import check_database, copy_database, fill_database
from ringfence.hub.store.database import BoundDatabase, Database
from ringfence.hub.store.guard_models import GuardCountRow
from ringfence.hub.store.models import ApiTokenRow, AuditEntryRow, EdgeReportRow, EdgeRow, PhoneRow, SiteRow
from ringfence.hub.store.organisation_models import FIRST
from ringfence.hub.store.pages import Page
from ringfence.hub.store.people_models import PersonRow
from ringfence.hub.store.release_models import FirmwareFileRow, ReleaseRow, UploadRow
from ringfence.hub.store.rollout_models import RolloutPhoneRow
from ringfence.hub.store.setting_models import LineSettingRow, PhoneSettingRow
from ringfence.identity.certificates import EdgeIdentity
from ringfence.phones.mac import Mac
from ringfence.secret import Secret
from ringfence.wire.messages import Report, ReportBatch
from support import signing_in
from support.phones_at_pbx import PhonesInHand
from support.postgresql_server import PostgresqlServer, postgresql

ANNA, BEN = Mac("001B54C2D001"), Mac("001B54C2D002")
NewUrl = Callable[[], str]
REVISIONS = [
    script.revision for script in reversed(list(ScriptDirectory(Path(migrations.__file__).parent).walk_revisions()))
]


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresqlServer]:
    with postgresql() as running:
        yield running


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=[pytest.mark.needs("postgresql"), pytest.mark.slow])]
)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a new, empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'new.sqlite'}"
    server: PostgresqlServer = request.getfixturevalue("server")
    return server.url(server.new_database())


@pytest.fixture
def new_url(url: str, request: pytest.FixtureRequest, tmp_path: Path) -> NewUrl:
    """Makes another new, empty database of the same kind."""

    def make() -> str:
        if url.startswith("sqlite"):
            return f"sqlite:///{tmp_path / 'another.sqlite'}"
        server: PostgresqlServer = request.getfixturevalue("server")
        return server.url(server.new_database())

    return make


@pytest.fixture
def database(url: str) -> Iterator[BoundDatabase]:
    """The database as the first organisation has it."""
    with closing(Database(url)) as opened:
        yield opened.of(FIRST)


@pytest.fixture
def hub(url: str, tmp_path: Path) -> Iterator[Hub]:
    """A hub with a site and a phone."""
    init(tmp_path / "hub", make_config(address="127.0.0.1", listen="127.0.0.1", database_url=url))
    with closing(open_hub(DataFolder(tmp_path / "hub"))) as opened:
        with opened.change("test") as change:
            settings.put(change, opened.sealer, ORGANISATION, "sip_server", "sip.example.org")
            sites.create(change, opened.signers, "Anna")
            phones.add(change, ANNA, "anna", "9971", "")
            change.session.flush()
            lines.put(change, opened.sealer, ANNA, 1, LineParts(name="201", label="Anna"))
        yield opened


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


def edge_of(hub: Hub, edge_id: str = "edge-1") -> None:
    with hub.change("test") as change:
        token, _secret = enrolment_tokens.create(change, "anna")
        edges.admit(
            change,
            token,
            edge_id,
            Certificate("1", edge_id, "k", 1e9, 2e9, EdgeIdentity(edge_id, "anna")),
            ("pi", "0.1.0"),
        )


def report(hub: Hub, *batch: Report, acknowledged: int = 0, edge_id: str = "edge-1") -> int:
    with hub.change(edge_id) as change:
        return report_intake.take(change, edges.let_in(change.session, edge_id), ReportBatch(batch, acknowledged))


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


def test_two_writers_at_once_go_on_from_one_chain(hub: Hub) -> None:
    def write(number: int) -> None:
        for turn in range(5):
            with hub.change(f"writer {number}") as change:
                change.note("test", f"{number}.{turn}")

    before = verified(hub).entries
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    found = verified(hub)
    assert (found.entries, found.broken) == (before + 20, None)


def verified(hub: Hub) -> audit.AuditCheck:
    with hub.database.reading() as session:
        return audit.verify(session)


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


def test_a_token_lets_one_of_two_in(hub: Hub) -> None:
    with hub.change("test") as change:
        _row, secret = enrolment_tokens.create(change, "anna")
    both = threading.Barrier(2, timeout=60)

    def redeem() -> str:
        both.wait()
        try:
            with hub.change("edge") as change:
                enrolment_tokens.redeem(change, secret)
        except EdgeRefused as refused:
            return refused.kind
        return "let in"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(done.result() for done in [pool.submit(redeem), pool.submit(redeem)]) == ["let in", "token-used"]


def test_two_who_add_at_once_do_not_pass_an_organisations_limit(hub: Hub) -> None:
    with within.everywhere(hub).change("test") as change:
        organisation_use.limit(change, "main", {"phones": 2, "sites": 2, "tokens": 2})

    def add(number: int) -> None:
        with hub.change(f"writer {number}") as change:
            phones.add(change, Mac(f"001B54C2DF{number:02X}"), "anna", "9971", "")

    def make_site(number: int) -> None:
        with hub.change(f"writer {number}") as change:
            sites.create(change, hub.signers, f"Site {number}")

    assert sorted(at_once(*(partial(add, number) for number in range(4)))) == [False, False, False, True]
    assert sorted(at_once(*(partial(make_site, number) for number in range(4)))) == [False, False, False, True]
    with hub.database.reading() as session:
        used = {each.limit.word: each.used for each in organisation_use.find(session, "main", hub.clock())}
    assert (used["phones"], used["sites"]) == (2, 2)


def test_two_hubs_at_one_rollout_begin_each_wave_once(hub: Hub) -> None:
    publish(hub, "test")
    with hub.change("test") as change:
        for number in range(4):
            site = sites.create(change, hub.signers, f"Site {number}")
            phones.add(change, Mac(f"001B54C2DE{number:02X}"), site.id, "9971", "")
            change.session.flush()
            lines.put(change, hub.sealer, Mac(f"001B54C2DE{number:02X}"), 1, LineParts(name=f"30{number}"))
    begun = rollouts.create(hub, "test", NewRollout("Two at once", waves=("2", "rest")))
    phones_in_hand = PhonesInHand()
    assert hub.folder is not None
    with closing(open_hub(DataFolder(hub.folder.path))) as other:
        for _ in range(3):
            each = [partial(rollout_gate.go_on, at_work, phones_in_hand) for at_work in (hub, other, hub, other)]
            assert all(at_once(*each))
        with hub.database.reading() as session:
            found = rollouts.progress(session, begun.rollout.id)
            made = session.execute(select(ReleaseRow.site_id, func.count()).group_by(ReleaseRow.site_id)).all()
        states = [(site.wave, site.state, site.release) for site in found.sites]
        first = [state for state in states if state[0] == 1]
        assert (found.rollout.wave, [state for state in states if state[0] == 2]) == (1, [(2, "waiting", 0)] * 2)
        # Who loses the publish's lock leaves the site to be begun again, at once and by anybody.
        assert all(state in {"published", "publishing"} for _wave, state, _release in first)
        assert {count for _site, count in made} == {1}, "no site got two releases"
        with hub.change("test") as change:
            for row in change.session.scalars(select(RolloutPhoneRow)):
                row.tell_at = 0.0
        waiting = found.phones["waiting"]
        tells = [partial(rollout_orders.tell_waiting, at_work, begun.rollout.id, phones_in_hand)
                 for at_work in (hub, other, hub, other)]  # fmt: skip
        assert all(at_once(*tells))
    assert len(phones_in_hand.told) == len(set(phones_in_hand.told)) == waiting, "each was told once"


def test_of_two_phones_at_once_an_activation_code_adopts_one(hub: Hub) -> None:
    macs = ["001B54C2D0A1", "001B54C2D0A2"]
    with hub.change("test") as change:
        prepared = PreparedPhone(lines={1: LineParts(name="201")})
        _row, code = activations.create(change, hub.sealer, prepared)
        for mac in macs:
            alerts.raise_alert(change, "anna", alerts.UNKNOWN_PHONE, mac, "It asked.", model="9971")
    text, throttle = code.to_text(), SignInThrottle()
    user = CodeUser("key-1", "Ben", may_know_why=True)
    works = (partial(activation_use.use, hub, throttle, user, text, PhoneAtHand(mac)) for mac in macs)
    assert sorted(at_once(*works)) == [False, True]
    with hub.database.reading() as session:
        assert len([row for row in phones.find(session) if row.mac in macs]) == 1


def test_reports_are_stored_once_in_order_even_when_sent_twice_at_once(hub: Hub) -> None:
    edge_of(hub)
    batch = [Report(number, 1.0, "file-served", f"Report {number}.") for number in range(1, 21)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: report(hub, *batch), range(4))) == [20] * 4
    assert report(hub, *batch[10:], Report(21, 1.0, "file-served", "Report 21.")) == 21
    with pytest.raises(OutOfOrder):
        report(hub, Report(30, 1.0, "file-served", "Report 30."))
    with hub.database.reading() as session:
        found = reports.find(session, site_id="anna", phone=None, page=Page(100)).rows
        assert [row.seq for row in found] == [*range(21, 0, -1)]
    with hub.database.writing() as session:
        assert report_budget.forget(session, hub.clock() + report_budget.KEPT_FOR_S + 60) == 21
        assert session.scalar(select(func.count()).select_from(EdgeReportRow)) == 0


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


def test_a_copy_of_a_database_holds_every_row_of_it(hub: Hub, url: str, tmp_path: Path) -> None:
    edge_of(hub)
    report(hub, *(Report(number, 1.0, "worker-died", f"Report {number}.") for number in range(1, 31)))
    copy_database(url, tmp_path / "copy.sqlite")
    check_database(tmp_path / "copy.sqlite")
    with closing(Database(f"sqlite:///{tmp_path / 'copy.sqlite'}")) as copied:
        for table in Base.metadata.sorted_tables:
            with hub.database.of(EVERYWHERE).reading() as ours, copied.everywhere.reading() as theirs:
                found, rows = (
                    sorted(repr(tuple(row)) for row in each.execute(select(table))) for each in (theirs, ours)
                )
                assert found == rows, table.name


def test_a_copy_fills_an_empty_database_and_new_rows_come_after_the_copied_ones(
    hub: Hub, url: str, new_url: NewUrl, tmp_path: Path
) -> None:
    edge_of(hub)
    report(hub, *(Report(number, 1.0, "worker-died", f"Report {number}.") for number in range(1, 31)))
    copy_database(url, tmp_path / "copy.sqlite")
    other = new_url()
    fill_database(tmp_path / "copy.sqlite", other)
    with closing(Database(other)) as filled:
        for table in Base.metadata.sorted_tables:
            with hub.database.of(EVERYWHERE).reading() as ours, filled.everywhere.reading() as theirs:
                found, rows = (
                    sorted(repr(tuple(row)) for row in each.execute(select(table))) for each in (theirs, ours)
                )
                assert found == rows, table.name
        with filled.of(FIRST).writing() as session:
            newest = session.scalar(select(func.max(AuditEntryRow.id))) or 0
            entry = AuditEntryRow(at=1.0, actor="test", action="a", subject="s", detail="")
            session.add(entry)
            session.flush()
            assert entry.id == newest + 1
    with pytest.raises(DatabaseUnavailable, match="is not empty"):
        fill_database(tmp_path / "copy.sqlite", other)
    with pytest.raises(DatabaseUnavailable, match="does not answer"):
        fill_database(tmp_path / "copy.sqlite", f"postgresql://nobody@/none?host={tmp_path}")


def test_a_hub_is_restored_into_another_database(hub: Hub, new_url: NewUrl, tmp_path: Path) -> None:
    head = verified(hub).head
    lock, opener = Lock(Secret("correct horse battery")), Opener(Secret("correct horse battery"))
    made = backup.make(DataFolder(tmp_path / "hub"), tmp_path / "copy", lock)
    other = new_url()
    done = restore.restore(made.file, tmp_path / "new", opener, database_url=other)
    assert not (tmp_path / "new" / "hub.sqlite").exists()
    with closing(open_hub(DataFolder(tmp_path / "new"))) as restored, restored.change("test") as change:
        assert restored.config.database_url == other
        assert phones.get(change.session, ANNA).site_id
        assert api_tokens.authenticate(change.session, done.token.reveal(), change.now).name == restore.TOKEN_NAME
        sites.create(change, restored.signers, "A new one")
    with closing(open_hub(DataFolder(tmp_path / "new"))) as restored, restored.database.reading() as session:
        assert audit.verify(session, head).broken is None
        (entry,) = audit.find(session, AuditFilter(action="hub.restore"), Page(2)).rows
        assert entry.id > int(head.partition(":")[0])


def test_what_people_do_at_once_happens_once(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two owners remove each other; two use one code, one recovery code, one link: one of the two each time."""
    monkeypatch.setattr(passwords, "HASHER", signing_in.CHEAP)
    ways_in = SignIns(hub)
    anna, ben = (signing_in.person(hub, name) for name in ("anna", "ben"))
    key = second_steps.new_key()
    with hub.change("test") as change:
        row = change.session.get_one(PersonRow, anna.id)
        shown = signing_in.code_at(key, hub.clock() - 30)
        recovery = second_steps.set_up(change, hub.sealer, row, key, shown)
    for code in (signing_in.code_at(key, hub.clock()), recovery[0]):
        pending = [signing_in.sign_in(ways_in, "anna").session.reveal() for _ in range(2)]
        finish = [partial(ways_in.with_second_step, each, code, signing_in.visitor()) for each in pending]
        assert sorted(at_once(*finish)) == [False, True]
    link = signing_in.link(hub, ben)
    use = partial(ways_in.with_link, link, signing_in.visitor(), password=signing_in.PASSWORD)
    assert sorted(at_once(use, use)) == [False, True]

    def remove(person_id: str) -> None:
        with hub.change("test") as change:
            people.remove(change, change.session.get_one(PersonRow, person_id))

    assert sorted(at_once(partial(remove, anna.id), partial(remove, ben.id))) == [False, True]


def at_once(*works: Callable[[], object]) -> list[bool]:
    """Start all at the same moment; return which were not refused."""
    together = Barrier(len(works))

    def run(work: Callable[[], object]) -> bool:
        together.wait(60)
        try:
            work()
        except RingfenceError:
            return False
        return True

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))
