"""Sessions: short, synchronous, in the thread pool's threads."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, create_engine, inspect, literal, select
from sqlalchemy.exc import DataError, OperationalError
from sqlalchemy.orm import Session

from ringfence.hub.data_errors import DatabaseUnavailable
from ringfence.hub.errors import NotStorable
from ringfence.hub.store import activation_models as _activation_models  # noqa: F401 - its tables are watched, too
from ringfence.hub.store import bound_sql, dialect, migrations
from ringfence.hub.store import edge_mode_models as _edge_mode_models  # noqa: F401 - as well
from ringfence.hub.store import edge_tls_models as _edge_tls_models  # noqa: F401 - as well
from ringfence.hub.store import network_models as _network_models  # noqa: F401 - as well
from ringfence.hub.store import people_models as _people_models  # noqa: F401 - its tables are watched like the others
from ringfence.hub.store import phone_book_models as _phone_book_models  # noqa: F401 - as well
from ringfence.hub.store.access_scope import AccessScope
from ringfence.hub.store.binding import EVERYWHERE, SCOPE, WHOSE, BoundSession, Whose
from ringfence.hub.store.change import AuditedSession
from ringfence.hub.store.models import ApiTokenRow
from ringfence.hub.store.rehearsal import RehearsingSession

NOT_STORABLE = (DataError, OverflowError, UnicodeEncodeError)
"""What drivers raise for values that their database has no form for."""
MIGRATION_PATIENCE_MS = 600_000
"""How long a hub that starts waits for another one that migrates the tables, which takes long in a large fleet."""
_BRIEFLY_MS = 50
POOL_SIZE = 40
"""As many connections as the thread pool has threads, so that none waits for another's."""


class Database:
    """The hub's database, brought to this version's tables when it is opened.

    ``url`` is SQLAlchemy's, for example ``sqlite:////var/lib/ringfence/hub.sqlite`` or
    ``postgresql://ringfence@db.example.org/ringfence``. DataFolderNewer where a newer
    version of the hub has been at work; DatabaseUnavailable where it can't be opened.
    """

    def __init__(self, url: str) -> None:
        # Errors of the database are logged; hiding the parameters keeps passwords and tokens out of them.
        address = dialect.driver_url(url)
        self._engine = create_engine(
            address,
            hide_parameters=True,
            pool_size=POOL_SIZE,
            max_overflow=POOL_SIZE,
            pool_pre_ping=dialect.is_a_server(address),  # it may have been started again since
        )
        dialect.prepare(self._engine)
        bound_sql.watch(self._engine)
        try:
            patient = {dialect.WRITING: True, dialect.PATIENCE_MS: MIGRATION_PATIENCE_MS}
            migrations.upgrade(self._engine, patient)
        except OperationalError as fault:
            self.close()
            raise unavailable(fault) from None
        except BaseException:
            self.close()
            raise

    def of(self, whose: Whose) -> "BoundDatabase":
        """Return the database as one organisation has it, or with all of them (``store/binding.py``)."""
        return BoundDatabase(self._engine, whose)

    @property
    def everywhere(self) -> "BoundDatabase":
        """The database with the rows of all organisations."""
        return self.of(EVERYWHERE)

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


class BoundDatabase:
    """The database's sessions for the rows of one organisation, or of all."""

    def __init__(self, engine: Engine, whose: Whose, scope: AccessScope | None = None) -> None:
        self.whose = whose
        self.scope = scope
        self._reading = engine.execution_options(**self._meant)
        self._writing = engine.execution_options(**self._meant, **{dialect.WRITING: True})
        self._engine = engine

    @property
    def _meant(self) -> dict[str, object]:
        return {WHOSE: self.whose, SCOPE: self.scope}

    def of(self, whose: Whose, scope: AccessScope | None = None) -> "BoundDatabase":
        """Return the same database as another has it, or as somebody has it who is limited to a scope."""
        return BoundDatabase(self._engine, whose, scope)

    def close(self) -> None:
        """Close every connection, those of other organisations too."""
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that sees one moment of the database and changes nothing."""
        with BoundSession(self._reading, expire_on_commit=False, info=self._meant) as session:
            try:
                yield session
            except OperationalError as fault:
                raise unavailable(fault) from fault
            except NOT_STORABLE as fault:
                raise not_storable() from fault

    @contextmanager
    def rehearsing(self) -> Iterator[Session]:
        """A session in which a change is tried out; it holds no lock, and nothing of it is kept."""
        with RehearsingSession(self._reading, autoflush=False, info=self._meant) as session:
            try:
                yield session
            except OperationalError as fault:
                raise unavailable(fault) from fault
            except NOT_STORABLE as fault:
                raise not_storable() from fault

    def session_for_writing(self) -> AuditedSession:
        """Return a session that whoever takes it must end (``JoinedDatabase``)."""
        return AuditedSession(self._writing, expire_on_commit=False, info=self._meant)

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session that is committed at the end of the block, or leaves nothing where the block raises."""
        with self.session_for_writing() as session:
            try:
                with session.begin():
                    yield session
            except OperationalError as fault:
                raise unavailable(fault) from fault
            except NOT_STORABLE as fault:
                raise not_storable() from fault

    def write_if_free(self, work: Callable[[Session], object]) -> bool:
        """Do something small in a transaction of its own, or leave it where another one writes for long.

        For what a request that reads notes by the way: it must not wait long for a writer, nor fail because of one.

        Returns:
            Whether it was done.
        """
        hurried = self._writing.execution_options(**{dialect.PATIENCE_MS: _BRIEFLY_MS})
        try:
            with AuditedSession(hurried, expire_on_commit=False, info=self._meant) as session, session.begin():
                work(session)
        except OperationalError:
            return False
        return True


def holds_a_hub(url: str) -> bool:
    """Return whether a hub was made in a database, of whatever version; nothing of it is changed.

    Raises:
        DatabaseUnavailable: It can't be reached.
    """
    engine = create_engine(dialect.driver_url(url), hide_parameters=True)
    try:
        with engine.connect() as connection:
            if ApiTokenRow.__tablename__ not in inspect(connection).get_table_names():
                return False
            any_token = select(literal(1)).select_from(ApiTokenRow.__table__).limit(1)
            return connection.execute(any_token).first() is not None
    except OperationalError as fault:
        raise unavailable(fault) from None
    finally:
        engine.dispose()


def not_storable() -> NotStorable:
    """Return the error for a value that the database has no form for."""
    return NotStorable("a value is too long or too large for the database, or holds a NUL or half a character")


def unavailable(fault: OperationalError) -> DatabaseUnavailable:
    """Return the error for a database that does not answer."""
    return DatabaseUnavailable(
        f"the database does not answer: {fault.orig}",
        to_do="Check that its disk is not full and that no other program holds it, then try again.",
    )
