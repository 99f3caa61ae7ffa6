"""Scopes: whoever is limited to some sites or groups finds nothing else, on any route, and changes nothing else."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy import Executable, delete, func, insert, select, update
from sqlalchemy.orm import aliased, selectinload

from ringfence.hub.errors import ScopeExceeded
from ringfence.hub.store.access_scope import OF_THE_HUBS_WORK, READ_ALONE, AccessScope, beyond_scope, criterion_of
from ringfence.hub.store.base import Base
from ringfence.hub.store.binding import UnboundStatementError
from ringfence.hub.store.database import BoundDatabase, Database
from ringfence.hub.store.draft_models import DraftRow
from ringfence.hub.store.models import LineRow, PhoneGroupRow, PhoneRow, SiteRow
from ringfence.hub.store.organisation_models import FIRST
from ringfence.hub.store.organisation_owned import OrganisationOwned
from ringfence.hub.store.setting_models import GroupSettingRow, OrganisationSettingRow, PhoneSettingRow, SiteSettingRow

IN_A, IN_B, GROUPED = "001B54C2A001", "001B54C2B001", "001B54C2B002"
"""Phones: at site a, at site b, and at site b in a group."""
Other = aliased(PhoneRow)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BoundDatabase]:
    """Two sites; the second has a phone in a group, too. What tests change of it matters to no other."""
    with closing(Database(f"sqlite:///{tmp_path_factory.mktemp('scopes') / 'hub.sqlite'}")) as opened:
        whole = opened.of(FIRST)
        with whole.writing() as session:
            session.add_all(SiteRow(id=name, name=name, created_at=0.0) for name in "ab")
            session.add(PhoneGroupRow(id="g", name="g", created_at=0.0))
            session.flush()
            for mac, site, group in ((IN_A, "a", None), (IN_B, "b", None), (GROUPED, "b", "g")):
                session.add(PhoneRow(mac=mac, site_id=site, group_id=group, model="m", description="", created_at=0.0))
                session.flush()
                names = {"label": "", "display_name": "", "auth_name": "", "sealed_password": b""}
                session.add(LineRow(mac=mac, index=1, name=mac, **names))
            session.add(SiteSettingRow(site_id="b", name="x", value=1))
            session.add(GroupSettingRow(group_id="g", name="x", value=1))
            session.add(OrganisationSettingRow(name="x", value=1))
        yield whole


def limited(database: BoundDatabase, *, sites: str = "", groups: str = "") -> BoundDatabase:
    return database.of(FIRST, AccessScope("key-1", frozenset(sites), frozenset(groups)))


OWNED = [each.class_ for each in Base.registry.mappers if issubclass(each.class_, OrganisationOwned)]


@pytest.mark.parametrize("table", OWNED, ids=lambda table: table.__tablename__)
def test_every_table_is_limited_or_one_of_all_the_organisations(database: BoundDatabase, table: type[Base]) -> None:
    """A new table is limited by its columns, or this says that nothing does it. An empty scope holds nothing."""
    criterion = criterion_of(table, AccessScope("key-1"), FIRST)
    if criterion is None:
        assert table in READ_ALONE | OF_THE_HUBS_WORK | {GroupSettingRow}
    with limited(database).reading() as session:
        found = session.scalar(select(func.count()).select_from(table))
    assert criterion is None or found == 0


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (select(PhoneRow.mac), [IN_A]),
        (select(func.count()).select_from(PhoneRow), [1]),
        (select(func.count()).select_from(select(LineRow.mac).subquery()), [1]),
        (select(LineRow.name), [IN_A]),
        (select(LineRow.name).join(PhoneRow, PhoneRow.mac == LineRow.mac), [IN_A]),
        (select(LineRow.name).outerjoin(PhoneRow, PhoneRow.mac == LineRow.mac), [IN_A]),
        (select(SiteRow.id).where(SiteRow.id.in_(select(PhoneRow.site_id))), ["a"]),
        (select(PhoneRow.mac).where(PhoneRow.lines.any()), [IN_A]),
        (select(PhoneRow.mac).where(select(LineRow.mac).where(LineRow.name == IN_B).exists()), []),
        (select(PhoneRow.mac).union(select(LineRow.name)), [IN_A]),
        (select(SiteSettingRow.site_id), []),
        (update(PhoneRow).values(description="x").returning(PhoneRow.mac), [IN_A]),
        (delete(LineRow).returning(LineRow.name), [IN_A]),
        (beyond_scope(select(func.count()).select_from(PhoneRow)), [3]),
    ],
)
def test_a_statement_means_rows_of_the_scope(
    database: BoundDatabase, statement: Executable, expected: list[object]
) -> None:
    with limited(database, sites="a").session_for_writing() as session:  # and nothing is committed
        assert list(session.execute(statement).scalars()) == expected


def test_a_key_leads_to_nothing_outside(database: BoundDatabase) -> None:
    with limited(database, sites="a").reading() as session:
        assert session.get(PhoneRow, IN_B) is None
        assert session.get(LineRow, (IN_B, 1)) is None
        assert session.get(SiteRow, "b") is None
        (phone,) = session.scalars(select(PhoneRow).options(selectinload(PhoneRow.lines)))
        assert [line.name for line in phone.lines] == [IN_A]


def test_a_group_is_its_phones_and_what_they_depend_on(database: BoundDatabase) -> None:
    with limited(database, groups="g").writing() as session:
        assert session.scalars(select(PhoneRow.mac)).all() == [GROUPED]
        assert session.scalars(select(SiteRow.id)).all() == ["b"]
        assert session.scalars(select(SiteSettingRow.site_id)).all() == ["b"]
        session.get_one(PhoneRow, GROUPED).description = "changed"
        session.add(PhoneSettingRow(mac=GROUPED, name="x", value=1))
        session.get_one(GroupSettingRow, ("g", "x")).value = 2
        session.execute(update(SiteSettingRow).values(value=3))
    with database.reading() as session:
        assert session.get_one(SiteSettingRow, ("b", "x")).value == 1
        assert session.get_one(SiteRow, "b").edits > 0


def _new_phone(site: str, group: str | None = None) -> PhoneRow:
    return PhoneRow(mac="001B54C2F001", site_id=site, group_id=group, model="m", description="", created_at=0.0)


@pytest.mark.parametrize(
    "row",
    [
        SiteRow(id="new", name="new", created_at=0.0),
        _new_phone("b"),
        _new_phone("b", "g"),
        PhoneSettingRow(mac=IN_B, name="x", value=1),
        SiteSettingRow(site_id="b", name="y", value=1),
        GroupSettingRow(group_id="h", name="y", value=1),
        OrganisationSettingRow(name="y", value=1),
        PhoneGroupRow(id="new", name="new", created_at=0.0),
        DraftRow(id="d", name="d", author="", author_id="key-2", created_at=0.0, changed_at=0.0, publish_at=None),
    ],
    ids=lambda row: type(row).__name__,
)
def test_nothing_outside_is_added(database: BoundDatabase, row: Base) -> None:
    values = {name: value for name, value in vars(row).items() if not name.startswith("_")}
    with pytest.raises(ScopeExceeded), limited(database, sites="a", groups="g").writing() as session:
        session.add(type(row)(**values))
    with pytest.raises(ScopeExceeded), limited(database, sites="a", groups="g").writing() as session:
        session.execute(insert(type(row)), [values])


def test_nothing_outside_is_changed_or_removed(database: BoundDatabase) -> None:
    def change(how: str) -> None:
        with limited(database, sites="a", groups="g").writing() as session:
            match how:
                case "move out":
                    session.get_one(PhoneRow, IN_A).site_id = "b"
                case "move in":
                    session.get_one(PhoneRow, GROUPED).group_id = None
                case "site of a group's phone":
                    session.get_one(SiteRow, "b").name = "mine"
                case "its setting":
                    session.delete(session.get_one(SiteSettingRow, ("b", "x")))
                case "the organisation's setting":
                    session.get_one(OrganisationSettingRow, "x").value = 2
                case "the organisation's settings":
                    session.execute(delete(OrganisationSettingRow))
                case "a group":
                    session.delete(session.get_one(PhoneGroupRow, "g"))

    for how in (
        "move out", "move in", "site of a group's phone", "its setting", "the organisation's setting",
        "the organisation's settings", "a group",
    ):  # fmt: skip
        with pytest.raises(ScopeExceeded):
            change(how)


def test_a_statement_that_goes_around_the_session_is_refused(database: BoundDatabase) -> None:
    phone = Base.metadata.tables["phone"]
    chosen = select(phone.c.mac).where(phone.c.organisation_id == FIRST)
    with limited(database, sites="a").reading() as session, pytest.raises(UnboundStatementError):
        session.connection().execute(chosen)
    with limited(database, sites="a").reading() as session, pytest.raises(UnboundStatementError):
        session.execute(select(PhoneRow.mac).outerjoin(Other, Other.site_id == PhoneRow.site_id))
    with database.reading() as session:
        assert len(session.connection().execute(chosen).all()) == 3
