"""Copies of a database: whole, and brought back into an empty one of either kind."""

from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import func, select

from hub.both_databases.conftest import NewUrl
from ringfence.hub.core import Hub, open_hub
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.data_errors import DatabaseTaken, DatabaseUnavailable
from ringfence.hub.fleet import (
    api_tokens,
    audit,
    phones,
    sites,
)
from ringfence.hub.fleet.audit import AuditFilter
from ringfence.hub.recovery import backup, restore
from ringfence.hub.recovery.sealed_file import Lock, Opener
from ringfence.hub.store.base import Base
from ringfence.hub.store.binding import EVERYWHERE
from ringfence.hub.store.copies import check_database, copy_database, fill_database
from ringfence.hub.store.database import Database
from ringfence.hub.store.models import AuditEntryRow
from ringfence.hub.store.organisation_models import FIRST
from ringfence.hub.store.pages import Page
from ringfence.secret import Secret
from ringfence.wire.messages import Report
from support.hub_on_database import ANNA, edge_of, report, verified


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
    with pytest.raises(DatabaseTaken, match="is not empty"):
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
