"""Sessions: short, synchronous, in the thread pool's threads."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import create_engine
from sqlalchemy.exc import DataError, OperationalError
from sqlalchemy.orm import Session

from ringfence.hub.errors import DatabaseUnavailable, NotStorable
from ringfence.hub.store import dialect, migrations
from ringfence.hub.store.edits import EditCountingSession

_NOT_STORABLE = (DataError, OverflowError, UnicodeEncodeError)
"""What drivers raise for values that their database has no form for."""
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
        self._writing = self._engine.execution_options(**{dialect.WRITING: True})
        try:
            migrations.upgrade(self._writing)
        except OperationalError as fault:
            self.close()
            raise _unavailable(fault) from None
        except BaseException:
            self.close()
            raise

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that sees one moment of the database and changes nothing."""
        with Session(self._engine, expire_on_commit=False) as session:
            try:
                yield session
            except OperationalError as fault:
                raise _unavailable(fault) from fault
            except _NOT_STORABLE as fault:
                raise _not_storable() from fault

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session that is committed at the end of the block, or leaves nothing where the block raises."""
        with EditCountingSession(self._writing, expire_on_commit=False) as session:
            try:
                with session.begin():
                    yield session
            except OperationalError as fault:
                raise _unavailable(fault) from fault
            except _NOT_STORABLE as fault:
                raise _not_storable() from fault

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def _not_storable() -> NotStorable:
    return NotStorable("a value is too long or too large for the database, or holds a NUL or half a character")


def _unavailable(fault: OperationalError) -> DatabaseUnavailable:
    return DatabaseUnavailable(
        f"the database does not answer: {fault.orig}",
        to_do="Check that its disk is not full and that no other program holds it, then try again.",
    )
