"""One suite for SQLite and PostgreSQL: a new database for each test, and a hub on it."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ringfence.hub.core import Hub, open_hub
from ringfence.hub.data.config import make_config
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.fleet import (
    lines,
    phones,
    settings,
    sites,
)
from ringfence.hub.fleet.lines import LineParts
from ringfence.hub.fleet.settings import ORGANISATION
from ringfence.hub.process.init import init
from ringfence.hub.store.database import BoundDatabase, Database
from ringfence.hub.store.organisation_models import FIRST
from support.hub_on_database import ANNA
from support.postgresql_server import PostgresqlServer, postgresql

NewUrl = Callable[[], str]


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
