"""Sessions bound to an organisation: what every kind of statement reads and writes, and what is refused."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Executable, delete, exists, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased, selectinload

from ringfence.hub.store.base import Base
from ringfence.hub.store.binding import UnboundStatementError, whose
from ringfence.hub.store.bound_sql import owned_tables, unbound_table
from ringfence.hub.store.database import Database
from ringfence.hub.store.guard_models import GuardBanRow
from ringfence.hub.store.models import AuditEntryRow, LineRow, PhoneRow, SiteRow
from ringfence.hub.store.organisation_models import FIRST, OrganisationRow
from ringfence.hub.store.organisation_owned import OrganisationOwned
from ringfence.hub.store.setting_models import PhoneSettingRow

OF_THE_HUB = {"organisation", "retired_site", "restoration", "box_subnet", "tunnel_key", "blob", "retention_tally"}
"""Tables that are no organisation's: who they are, ids that are never given again, when the hub was restored."""
MAC = "001B54C2D001"
Other = aliased(PhoneRow)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Two organisations with the same phone, line and setting, each at a site of its own."""
    with closing(Database(f"sqlite:///{tmp_path / 'hub.sqlite'}")) as opened:
        with opened.everywhere.writing() as session:
            session.add(OrganisationRow(id="other", name="Other", created_at=0.0))
        for owner in (FIRST, "other"):
            with opened.of(owner).writing() as session:
                session.add(SiteRow(id=f"site-{owner}", name="Office", created_at=0.0))
                session.flush()
                session.add(PhoneRow(mac=MAC, site_id=f"site-{owner}", model=owner, description="", created_at=0.0))
                session.flush()
                names = {"label": "", "display_name": "", "auth_name": "", "sealed_password": b""}
                session.add(LineRow(mac=MAC, index=1, name=owner, **names))
                session.add(PhoneSettingRow(mac=MAC, name="wifi", value=owner))
        yield opened


def test_every_table_is_an_organisations_or_one_of_the_hubs_own() -> None:
    assert {table.name for table in Base.metadata.sorted_tables} - owned_tables() == OF_THE_HUB
    for mapper in Base.registry.mappers:
        if issubclass(mapper.class_, OrganisationOwned):
            key = [column.name for column in mapper.local_table.primary_key]
            assert key[0] == "organisation_id", mapper.class_


UNIQUE_IN_THE_HUB = {"box_subnet", "tunnel_key"}
"""The hub's own tables of what no two boxes have, of whatever organisations: they name a box, and not whose it is."""


def test_every_link_stays_in_the_organisation() -> None:
    for table in Base.metadata.sorted_tables:
        for link in table.foreign_key_constraints:
            if link.referred_table.name in owned_tables() and table.name not in UNIQUE_IN_THE_HUB:
                assert next(column.name for column in link.columns) == "organisation_id", link


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (select(PhoneRow.model), ["other"]),
        (select(Other.model), ["other"]),
        (select(func.count()).where(PhoneRow.mac == MAC), [1]),
        (select(func.count()).select_from(PhoneRow), [1]),
        (select(func.count()).select_from(select(PhoneRow.mac).subquery()), [1]),
        (select(exists().where(PhoneRow.model == FIRST)), [False]),
        (select(LineRow.name).join(PhoneRow, PhoneRow.mac == LineRow.mac), ["other"]),
        (select(LineRow.name).outerjoin(Other, Other.mac == LineRow.mac), ["other"]),
        (select(SiteRow.id).where(SiteRow.id.in_(select(PhoneRow.site_id))), ["site-other"]),
        (select(PhoneRow.model).where(PhoneRow.lines.any()), ["other"]),
        (select(PhoneRow.model).where(select(LineRow.mac).where(LineRow.name == FIRST).exists()), []),
        (select(PhoneRow.model).union(select(LineRow.name)), ["other"]),
        (update(PhoneRow).values(description="x").returning(PhoneRow.model), ["other"]),
        (delete(LineRow).returning(LineRow.name), ["other"]),
    ],
)
def test_a_statement_means_the_organisations_rows(
    database: Database, statement: Executable, expected: list[object]
) -> None:
    with database.of("other").writing() as session:
        assert list(session.execute(statement).scalars()) == expected


@pytest.mark.parametrize(
    "statement",
    [
        text("SELECT * FROM phone"),
        text("SELECT 1 FROM site AS s, phone AS p WHERE s.organisation_id = 'other'"),
        select(text("mac")).select_from(text("phone")),
        select(Base.metadata.tables["phone"]),
        delete(Base.metadata.tables["phone"]),
        insert(Base.metadata.tables["phone_group"]).values(id="x", name="x", created_at=0.0),
    ],
)
def test_a_statement_that_does_not_say_whose_rows_it_means_is_refused(
    database: Database, statement: Executable
) -> None:
    with pytest.raises(UnboundStatementError), database.of("other").writing() as session:
        session.execute(statement)


def test_keys_are_the_organisations(database: Database) -> None:
    with database.of("other").reading() as session:
        assert session.get_one(PhoneRow, MAC).model == "other"
        assert session.get_one(PhoneRow, MAC) is session.get(PhoneRow, MAC), "from the session's own memory too"
        assert session.get_one(PhoneSettingRow, (MAC, "wifi")).value == "other"
        assert session.get(SiteRow, "site-main") is None
        assert whose(session) == "other"
    with database.everywhere.reading() as session:
        assert session.get_one(PhoneRow, (FIRST, MAC)).model == FIRST
        with pytest.raises(UnboundStatementError):
            whose(session)


def test_relationships_and_what_is_loaded_later_are_the_organisations(database: Database) -> None:
    with database.of("other").reading() as session:
        assert [line.name for line in session.get_one(PhoneRow, MAC).lines] == ["other"]
    with database.of("other").reading() as session:
        (phone,) = session.scalars(select(PhoneRow).options(selectinload(PhoneRow.lines)))
        assert [line.name for line in phone.lines] == ["other"]


def test_a_new_row_is_the_organisations_whatever_adds_it(database: Database) -> None:
    with database.of("other").writing() as session:
        session.execute(insert(SiteRow), [{"id": "bulk", "name": "Bulk", "name_key": "bulk", "created_at": 0.0}])
        session.add(AuditEntryRow(at=0.0, actor="", action="a", subject=""))
        session.flush()
        assert session.get_one(SiteRow, "bulk").organisation_id == "other"
    for wrong in (
        SiteRow(organisation_id=FIRST, id="new", name="New", created_at=0.0),
        SiteRow(organisation_id=FIRST, id="bulk", name="New", created_at=0.0),
    ):
        with pytest.raises(UnboundStatementError), database.of("other").writing() as session:
            session.add(wrong)
    with pytest.raises(UnboundStatementError), database.everywhere.writing() as session:
        session.add(SiteRow(id="nobodys", name="Nobody's", created_at=0.0))


def test_a_row_can_not_point_into_another_organisation(database: Database) -> None:
    with pytest.raises(IntegrityError), database.of("other").writing() as session:
        session.add(PhoneRow(mac="001B54C2D009", site_id="site-main", model="x", description="", created_at=0.0))


def test_numbers_grow_for_each_organisation_by_itself_and_come_once(database: Database) -> None:
    def ban(owner: str) -> int:
        with database.of(owner).writing() as session:
            row = GuardBanRow(host="192.0.2.1", made_at=0.0, until=0.0, why="", who="")
            session.add(row)
            session.flush()
            return row.id

    assert [ban(owner) for owner in (FIRST, "other", FIRST, FIRST, "other")] == [1, 1, 2, 3, 2]
    with database.of(FIRST).writing() as session:
        session.execute(delete(GuardBanRow))
    assert ban(FIRST) == 4


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT * FROM phone WHERE phone.organisation_id = ?", ""),
        ("SELECT * FROM phone AS p WHERE p.organisation_id = ?", ""),
        ("SELECT * FROM phone AS p WHERE phone.organisation_id = ?", "phone"),
        ("SELECT * FROM phone WHERE mac IN (SELECT mac FROM phone) AND phone.organisation_id = ?", "phone"),
        ("SELECT 1 FROM (SELECT 1) AS a, phone", "phone"),
        ("SELECT phone.organisation_id AS x FROM phone", "phone"),
        ("SELECT line.mac FROM line JOIN phone ON line.mac = phone.mac WHERE phone.organisation_id = ?", "line"),
        ("UPDATE site SET edits=? WHERE site.id = ?", "site"),
        ("INSERT INTO phone (mac) VALUES (?)", "phone"),
        ("SELECT release, line FROM organisation", ""),
    ],
)
def test_what_a_statement_says_is_read_from_its_text(sql: str, expected: str) -> None:
    assert unbound_table(sql, owned_tables()) == expected


@pytest.mark.parametrize(
    ("table", "column", "order"),
    [("phone", "site_id", "mac"), ("phone", "group_id", "mac"), ("report", "owner", "id DESC"),
     ("report", "foreign_owner", "id DESC"), ("report", "finding", "id DESC"), ("report", "site_id", "id DESC")],
)  # fmt: skip
def test_a_sorted_list_reads_what_it_is_about_and_not_its_whole_organisation(
    database: Database, table: str, column: str, order: str
) -> None:
    sql = f"SELECT * FROM {table} WHERE organisation_id = 'x' AND {column} = 'y' ORDER BY {order}"  # noqa: S608
    with database.everywhere.reading() as session:
        (step,) = session.execute(text(f"EXPLAIN QUERY PLAN {sql}")).all()
    assert f"(organisation_id=? AND {column}=?)" in step[3]
