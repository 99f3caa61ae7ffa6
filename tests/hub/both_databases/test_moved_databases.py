"""``hub copy``: all rows go to another database and are compared there, or nothing changes."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, func, select, text

from ringfence.errors import RingfenceError
from ringfence.hub.core import open_hub
from ringfence.hub.data.config import make_config
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.data_errors import DatabaseTaken, DatabaseUnavailable, DataFolderBusy, DataFolderNewer
from ringfence.hub.errors import BadConfiguration
from ringfence.hub.fleet import phones, sites
from ringfence.hub.process.init import init
from ringfence.hub.recovery import other_database
from ringfence.hub.recovery.other_database import IN_FOLDER
from ringfence.hub.store import copies, dialect
from ringfence.hub.store.database import Database
from ringfence.hub.store.models import PhoneRow, SiteRow
from ringfence.wire.messages import Report
from support.hub_on_database import ANNA, edge_of, report, verified
from support.postgresql_server import PostgresqlServer

pytestmark = [pytest.mark.needs("postgresql"), pytest.mark.slow]


def quietly(_done: float, _total: float) -> None:
    pass


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A hub's folder with something in its SQLite, and the end of its audit log."""
    path = tmp_path_factory.mktemp("moved") / "hub"
    init(path, make_config(address="127.0.0.1", listen="127.0.0.1"))
    with closing(open_hub(DataFolder(path))) as hub:
        with hub.change("test") as change:
            sites.create(change, hub.signers, "Anna")
            phones.add(change, ANNA, "anna", "9971", "Müller, 電話")
        edge_of(hub)
        report(hub, *(Report(number, 0.1 * number, "worker-died", f"No. {number}.") for number in range(1, 31)))
        return path, verified(hub).head


@pytest.fixture(scope="module")
def tables(server: PostgresqlServer) -> str:
    """A database with this version's tables, from which others are made."""
    name = server.new_database()
    Database(server.url(name)).close()
    return name


@pytest.fixture
def folder(made: tuple[Path, str], tmp_path: Path) -> DataFolder:
    """A copy of it; after a refusal it must be as it was."""
    return DataFolder(Path(shutil.copytree(made[0], tmp_path / "hub")))


@pytest.fixture
def refused(folder: DataFolder, made: tuple[Path, str]) -> Iterator[None]:
    """Whatever was refused: hub.toml is as before, and the hub opens with all that it had."""
    before = (folder.path / "hub.toml").read_bytes()
    yield
    assert (folder.path / "hub.toml").read_bytes() == before
    with closing(open_hub(folder)) as hub:
        assert verified(hub).head == made[1]


def do(url: str, *statements: str) -> None:
    engine = create_engine(dialect.driver_url(url))
    with engine.begin() as connection:
        for each in statements:
            connection.execute(text(each))
    engine.dispose()


def on_each_phone(url: str, does: str) -> None:
    """Let the server do something with each phone that is put into its database."""
    do(
        url,
        f"CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {does} END $$",
        "CREATE TRIGGER meddle BEFORE INSERT ON phone FOR EACH ROW EXECUTE FUNCTION meddle()",
    )


def is_empty(url: str) -> bool:
    engine = create_engine(dialect.driver_url(url))
    with engine.connect() as connection:
        counts = [connection.scalar(select(func.count()).select_from(table)) for table in (PhoneRow, SiteRow)]
    engine.dispose()
    return counts == [0, 0]


def test_a_hub_goes_to_postgresql_and_back(
    folder: DataFolder, made: tuple[Path, str], server: PostgresqlServer, tables: str, tmp_path: Path
) -> None:
    url = server.url(server.new_database(tables))
    told: list[float] = []
    done = other_database.move(folder, url, lambda rows, _total: told.append(rows))
    assert (done.old_file, folder.config().database_url) == (folder.path / "hub.sqlite", url)
    assert told[-1] == 2 * done.rows
    assert sorted(told) == told
    with closing(open_hub(folder)) as hub:
        assert verified(hub).head == made[1]
        with hub.change("test") as change:
            sites.create(change, hub.signers, "Ben")
        head = verified(hub).head
    with pytest.raises(DatabaseTaken, match="does not use"):
        other_database.move(folder, IN_FOLDER, quietly)
    (folder.path / "hub.sqlite").rename(tmp_path / "old.sqlite")
    back = other_database.move(folder, IN_FOLDER, quietly)
    assert (back.old_file, folder.config().database_url) == (None, "")
    assert back.rows > done.rows
    assert list(folder.path.glob(".hub.sqlite*")) == []
    assert (folder.path / "hub.sqlite").stat().st_mode & 0o777 == 0o600
    with closing(open_hub(folder)) as hub:
        assert verified(hub).head == head


@pytest.mark.usefixtures("refused")
def test_a_database_that_is_not_empty_is_refused(
    folder: DataFolder, server: PostgresqlServer, tables: str, tmp_path: Path
) -> None:
    url = server.url(server.new_database(tables))
    init(tmp_path / "other", make_config(address="127.0.0.1", database_url=url))
    with pytest.raises(DatabaseTaken, match="is not empty"):
        other_database.move(folder, url, quietly)


@pytest.mark.usefixtures("refused")
def test_a_database_of_another_version_is_refused(folder: DataFolder, server: PostgresqlServer, tables: str) -> None:
    url = server.url(server.new_database(tables))
    do(url, "UPDATE alembic_version SET version_num = '0999'")
    with pytest.raises(DataFolderNewer):
        other_database.move(folder, url, quietly)


@pytest.mark.usefixtures("refused")
@pytest.mark.parametrize(
    ("to", "error", "said"),
    [
        ("postgresql://nobody@/none?host=/nowhere", DatabaseUnavailable, "does not answer"),
        ("mysql://nobody@/none", BadConfiguration, "not a database URL"),
        (IN_FOLDER, BadConfiguration, "uses this database already"),
    ],
)
def test_what_is_no_other_database_is_refused(
    folder: DataFolder, to: str, error: type[RingfenceError], said: str
) -> None:
    with pytest.raises(error, match=said):
        other_database.move(folder, to, quietly)


@pytest.mark.usefixtures("refused")
def test_a_full_disk_leaves_nothing(folder: DataFolder, server: PostgresqlServer, tables: str) -> None:
    url = server.url(server.new_database(tables))
    on_each_phone(url, "RAISE EXCEPTION 'no space left on device' USING ERRCODE = 'disk_full';")
    with pytest.raises(DatabaseUnavailable, match="no space left on device") as raised:
        other_database.move(folder, url, quietly)
    assert "Nothing was changed" in raised.value.to_do
    assert is_empty(url)


@pytest.mark.usefixtures("refused")
def test_what_differs_there_is_taken_back(folder: DataFolder, server: PostgresqlServer, tables: str) -> None:
    for does in ("NEW.description := NEW.description || ' '; RETURN NEW;", "RETURN NULL;"):
        url = server.url(server.new_database(tables))
        on_each_phone(url, does)
        with pytest.raises(DatabaseUnavailable, match="phone differs after copying"):
            other_database.move(folder, url, quietly)
        assert is_empty(url)


@pytest.mark.usefixtures("refused")
def test_a_hub_that_runs_is_refused_and_so_is_an_override(
    folder: DataFolder, server: PostgresqlServer, tables: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.url(server.new_database(tables))
    with DataFolder(folder.path).locked(), pytest.raises(DataFolderBusy):
        other_database.move(folder, url, quietly)
    with monkeypatch.context() as patched:
        patched.setenv("RINGFENCE_HUB_DATABASE_URL", url)
        with pytest.raises(BadConfiguration, match="overrides"):
            other_database.move(folder, url, quietly)


def test_another_process_of_the_hub_is_noticed_and_writers_wait(
    folder: DataFolder, server: PostgresqlServer, tables: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.url(server.new_database(tables))
    other_database.move(folder, url, quietly)
    (folder.path / "hub.sqlite").unlink()
    with closing(open_hub(folder)) as hub:
        with hub.database.reading() as session:
            session.execute(text("SELECT 1"))
        with pytest.raises(DataFolderBusy, match="connected"):
            other_database.move(folder, IN_FOLDER, quietly)
        monkeypatch.setattr(dialect, "BUSY_TIMEOUT_MS", 200)
        tried: list[str] = []

        def write(_done: float, _total: float) -> None:
            if not tried:
                with pytest.raises(DatabaseUnavailable), hub.change("test") as change:
                    sites.create(change, hub.signers, "Ben")
                tried.append("refused")

        copies.move_rows(url, server.url(server.new_database(tables)), write)
        assert tried == ["refused"]
