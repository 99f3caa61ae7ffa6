"""A session in which a change is tried out: it holds what the change would write, and writes nothing.

Nobody waits for it, however long it takes, as it takes no lock: it reads one moment of the database, and what is added
in it is found by its key, as if it were there. Queries by anything else do not find it.
"""

from typing import Any, cast

from sqlalchemy import event, inspect
from sqlalchemy.orm import Session

from ringfence.hub.store import scoped_writes
from ringfence.hub.store.base import Base
from ringfence.hub.store.binding import BoundSession
from ringfence.hub.store.organisation_owned import OrganisationOwned

_ADDED = "rows that would be added"


class RehearsingSession(BoundSession):
    """A session that never flushes; it is one organisation's."""

    @property
    def added(self) -> dict[tuple[type[Base], tuple[object, ...]], Base]:
        """What would be added, by table and key."""
        return cast("dict[tuple[type[Base], tuple[object, ...]], Base]", self.info.setdefault(_ADDED, {}))

    # Any: the signatures of SQLAlchemy's own, of which a key may be anything.
    def get(self, entity: Any, ident: Any, **options: Any) -> Any:  # noqa: ANN401
        """Return the row with a key, one that would be added too."""
        key = self._whole_key(entity, ident)
        found = self.added.get((entity, key if isinstance(key, tuple) else (key,)))
        return super().get(entity, ident, **options) if found is None else found

    def flush(self, objects: Any = None) -> None:  # noqa: ANN401
        """Write nothing."""

    def enter(self, at: float, who: str, action: str, subject: str, detail: str) -> None:
        """Make no entry of the audit log: nothing is done."""

    def check(self) -> None:
        """Check that all of it is of the scope that the session is limited to.

        Raises:
            ScopeExceeded: Something is not.
        """
        if self.scope is not None:
            scoped_writes.check_flushed(self, self.scope)


@event.listens_for(RehearsingSession, "transient_to_pending")
def _keep(session: Session, row: Base) -> None:
    state = inspect(row)
    columns = [state.mapper.get_property_by_column(column).key for column in state.mapper.primary_key]
    key = [state.dict.get(name) for name in columns]
    if isinstance(row, OrganisationOwned):
        key[columns.index("organisation_id")] = cast("RehearsingSession", session).whose
    cast("RehearsingSession", session).added[type(row), tuple(key)] = row
