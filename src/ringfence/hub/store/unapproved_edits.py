"""Edits outside of drafts, where an organisation asks for a second person's approval: the session refuses them.

No handler takes part, so none can forget: pages, imports and tables of phones are refused as any other edit. What
counts is the rows that are written, not the path; whose requests may write them is said where callers are identified.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from sqlalchemy import inspect
from sqlalchemy.orm import Session

from ringfence.hub.errors import ApprovalMissing
from ringfence.hub.store import untold
from ringfence.hub.store.activation_models import ActivationLineRow, ActivationRow
from ringfence.hub.store.base import Base
from ringfence.hub.store.binding import BoundSession
from ringfence.hub.store.edits import FOR_GUARDS_ALONE
from ringfence.hub.store.organisation_models import OrganisationRow
from ringfence.hub.store.phone_book_models import (
    PhoneBookDirectoryRow,
    PhoneBookEntryRow,
    PhoneBookGroupRow,
    PhoneBookRow,
    PhoneBookSiteRow,
)
from ringfence.hub.store.release_models import AssetFileRow, AssetRow
from ringfence.hub.store.row_changes import Values
from ringfence.hub.store.touched import DRAFTED

OF_OWNERS: frozenset[type[Base]] = frozenset({
    PhoneBookRow, PhoneBookSiteRow, PhoneBookGroupRow, PhoneBookEntryRow, PhoneBookDirectoryRow, AssetRow, AssetFileRow,
})  # fmt: skip
"""What phones' files are made from as well, and drafts can't hold."""
PREPARED: frozenset[type[Base]] = frozenset({ActivationRow, ActivationLineRow})
"""What phones will have once somebody uses a code; to take it back is no edit."""

_ONLY_IN_DRAFTS: ContextVar[bool] = ContextVar("only_in_drafts", default=False)


@contextmanager
def only_in_drafts(*, are_edits: bool) -> Iterator[None]:
    """Say of all that the block writes, also in threads that are started from it, whether edits belong in a draft."""
    token = _ONLY_IN_DRAFTS.set(are_edits)
    try:
        yield
    finally:
        _ONLY_IN_DRAFTS.reset(token)


def check(session: Session, table: type[Base], before: Values | None, after: Values | None) -> None:
    """Check that a row which a session writes is none that belongs in a draft.

    Args:
        session: The session.
        table: The row's.
        before: What was in the columns that are changed; None where there was no row.
        after: What is in them now; None where there is no row any more.

    Raises:
        ApprovalMissing: It is one, its organisation asks for approval, and whoever calls may not go without.
    """
    if not _ONLY_IN_DRAFTS.get() or not _is_edit(table, before, after) or not _needs_approval(session):
        return
    raise ApprovalMissing(
        "this organisation asks for a second person's approval, so its phones are edited in drafts",
        to_do="Create a draft (ringfence draft create NAME), and edit in it: by pages, or ringfence --draft DRAFT …"
        if table in DRAFTED
        else "Ask an owner to do it: a draft can't hold it.",
    )


def check_rehearsed(session: Session) -> None:
    """Check what a session would write that writes nothing; ApprovalMissing as ``check``."""
    for row in session.new:
        check(session, type(row), None, {})
    for row in session.deleted:
        check(session, type(row), {}, None)
    for row in session.dirty:
        history = {each.key: each.history for each in inspect(row).attrs if each.history.has_changes()}
        before = {name: each.deleted for name, each in history.items()}
        check(session, type(row), before, {name: each.added for name, each in history.items()})


def _is_edit(table: type[Base], before: Values | None, after: Values | None) -> bool:
    if table in PREPARED:
        return before is None
    if table not in DRAFTED | OF_OWNERS:
        return False
    if before is None or after is None:
        return True
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    return not changed <= untold.of(table).columns | set(FOR_GUARDS_ALONE)


def _needs_approval(session: Session) -> bool:
    whose = session.whose if isinstance(session, BoundSession) else None
    with session.no_autoflush:
        row = session.get(OrganisationRow, whose) if isinstance(whose, str) else None
    return row is not None and row.drafts_need_approval
