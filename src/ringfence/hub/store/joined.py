"""One transaction that everybody who reads or writes joins: what edits would do, seen from inside, before they are."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from ringfence.hub.store.access_scope import AccessScope
from ringfence.hub.store.binding import Whose
from ringfence.hub.store.database import NOT_STORABLE, BoundDatabase, not_storable, unavailable


class JoinedDatabase(BoundDatabase):
    """A database whose sessions are all the same one, for one thread at a time; it ends with ``keep`` or ``drop``.

    Others who write wait meanwhile, so it must be short.
    """

    def __init__(self, database: BoundDatabase) -> None:
        self.whose, self.scope = database.whose, database.scope
        self.session: Session = database.session_for_writing()
        try:
            self.session.connection()
        except OperationalError as fault:
            self.session.close()
            raise unavailable(fault) from fault

    def of(self, whose: Whose, scope: AccessScope | None = None) -> BoundDatabase:
        """Return itself; nobody gets from here to rows of another organisation or scope."""
        if (whose, scope) != (self.whose, self.scope):
            raise TypeError("a transaction is one organisation's, and one scope's")
        return self

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """The session, with all that was written."""
        yield self.session

    def write_if_free(self, work: Callable[[Session], object]) -> bool:
        """Do something in the session, which is free."""
        with self.writing() as session:
            work(session)
        return True

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """The session; where the block raises, what it wrote is undone."""
        try:
            with self.session.begin_nested():
                yield self.session
        except OperationalError as fault:
            raise unavailable(fault) from fault
        except NOT_STORABLE as fault:
            raise not_storable() from fault

    @contextmanager
    def rehearsing(self) -> Iterator[Session]:
        """The session; what the block wrote is undone."""
        with self.session.begin_nested() as savepoint:
            yield self.session
            savepoint.rollback()

    def keep(self) -> None:
        """Commit all of it."""
        self.session.commit()
        self.session.close()

    def drop(self) -> None:
        """Undo all of it; what was read stays as it was read."""
        self.session.expunge_all()
        self.session.rollback()
        self.session.close()
