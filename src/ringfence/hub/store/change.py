"""A change: who makes it, when, in which transaction; and its entries in the audit log.

The session sees which rows it changes (``store/seen_changes.py``); an entry tells of those that were changed since the
one before. What nobody has noted gets an entry all the same, so that nothing changes without one.
"""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final, cast

from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction

from ringfence.hub import tracing
from ringfence.hub.store import audit_chain
from ringfence.hub.store.binding import EVERYWHERE, take_numbers
from ringfence.hub.store.models import AuditEntryRow
from ringfence.hub.store.organisation_models import FIRST
from ringfence.hub.store.row_changes import RowChanges
from ringfence.hub.store.seen_changes import ChangeSeeingSession

UNNAMED = "change"
"""The action of an entry that nobody has noted."""
_BY_ITSELF = "the hub"
_ID_BYTES = 6
_ENTRIES: Final = "audit entries"


@dataclass(frozen=True, slots=True)
class CalledBy:
    """Whose request a change is part of: the id of an API token, and the address that it came from."""

    caller_id: str = ""
    address: str = ""


_NOBODY = CalledBy()
_CALLED_BY: ContextVar[CalledBy] = ContextVar("called_by", default=_NOBODY)


@contextmanager
def called_by(caller_id: str, address: str) -> Iterator[None]:
    """Write down whose request it is with every change in the block, also in threads that are started from it."""
    token = _CALLED_BY.set(CalledBy(caller_id, address))
    try:
        yield
    finally:
        _CALLED_BY.reset(token)


@dataclass(slots=True)
class _Entry:
    """An entry that is written when its transaction ends."""

    row: AuditEntryRow
    changes: RowChanges

    def close(self) -> None:
        """Write out what it tells of rows."""
        self.row.changes = self.changes.to_text()


class AuditedSession(ChangeSeeingSession):
    """A session whose changes are in the audit log when it is committed; one organisation's in its own.

    In a session for all organisations, the first one's log tells of what is no other's.
    """

    @property
    def entries(self) -> list[_Entry]:
        """The entries so far."""
        return cast("list[_Entry]", self.info.setdefault(_ENTRIES, []))

    def enter(self, at: float, who: str, action: str, subject: str, detail: str) -> None:
        """Make an entry of the changes since the one before."""
        self.flush()
        if self.entries:
            self.entries[-1].close()
        by = _CALLED_BY.get()
        row = AuditEntryRow(
            organisation_id=FIRST if self.whose is EVERYWHERE else self.whose,
            at=float(at), actor=who, actor_id=by.caller_id[:40], address=by.address[:64], action=action,
            subject=subject[:120], detail=detail[:500], trace=tracing.current(),
        )  # fmt: skip
        self.entries.append(_Entry(row, self.take_changes()))


@event.listens_for(AuditedSession, "after_soft_rollback")
def _forget_entries(session: AuditedSession, _transaction: SessionTransaction) -> None:
    """Forget what was undone; a savepoint writes its own entries, so none of before it is among them."""
    session.take_changes()
    session.info[_ENTRIES] = []


@event.listens_for(AuditedSession, "before_commit")
def _write_entries(session: AuditedSession) -> None:
    """Write the entries, each chained to the one before. Writers queue up, so no two can go on from the same one."""
    session.flush()
    if any(each.told() for each in session.changes.rows.values()):
        if not session.entries:
            tables = sorted({table for table, _key in session.changes.rows})
            session.enter(time.time(), _BY_ITSELF, UNNAMED, ", ".join(tables), "")
        session.entries[-1].changes.join(session.take_changes())
    if not session.entries:
        return
    session.entries[-1].close()
    rows = [each.row for each in session.entries]
    session.info[_ENTRIES] = []
    owner = rows[0].organisation_id
    _number, chain = audit_chain.head(session, owner)
    for row, number in zip(rows, take_numbers(session, AuditEntryRow, owner, len(rows)), strict=True):
        row.id = number
        row.chain = chain = audit_chain.digest(chain, [getattr(row, each.key) for each in audit_chain.FIELDS])
    session.add_all(rows)


@dataclass(frozen=True, slots=True)
class Change:
    """One person's or edge's change; what it notes is kept if and only if the change is."""

    session: Session
    who: str
    now: float
    noted: list[str] = field(default_factory=list)
    """The actions that it has noted, in order."""

    def note(self, action: str, subject: str, detail: str = "") -> None:
        """Name what was done, after it was; the entry tells of the rows by itself. It must hold no secret."""
        self.noted.append(action)
        cast("AuditedSession", self.session).enter(self.now, self.who, action, subject, detail)


def new_id(prefix: str) -> str:
    """Return a new id such as ``edge-3f9c…``: short enough to read out, too long to guess by chance."""
    return f"{prefix}-{secrets.token_hex(_ID_BYTES)}"
