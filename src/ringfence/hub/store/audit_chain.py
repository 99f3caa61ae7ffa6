"""The chain of an organisation's audit log: each entry has a digest of itself and of the one before.

So an entry that is altered, taken out or put in is found by whoever has the log alone. Who can write to the database
could make the whole chain anew; that, and entries cut from the end, is found by comparing with a head that was written
down elsewhere.

Where the oldest entries are removed as they are old, an entry says so, with the number and the digest of the last of
them: the chain goes on from there. That entry is in the chain itself, so nobody makes one up for other entries.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute, Session

from ringfence.hub.store.models import AuditEntryRow

BEGINNING = ""
"""What stands for the entry before the first."""
CUT: Final = "audit.cut"
"""The action of an entry which says that older ones were removed; its subject is the last one, NUMBER:DIGEST."""
_FORM = "ringfence audit 1"
_ROWS_AT_ONCE = 1000

FIELDS: Sequence[InstrumentedAttribute[Any]] = (
    AuditEntryRow.organisation_id, AuditEntryRow.id, AuditEntryRow.at, AuditEntryRow.actor, AuditEntryRow.actor_id,
    AuditEntryRow.address, AuditEntryRow.action, AuditEntryRow.subject, AuditEntryRow.detail, AuditEntryRow.changes,
)  # fmt: skip
"""What an entry's digest is of, in this order. Any: columns of several types."""


def digest(before: str, values: Iterable[object]) -> str:
    """Return an entry's digest.

    Args:
        before: The digest of the entry before it.
        values: The entry's, in the order of ``FIELDS``.
    """
    exact = [value.hex() if isinstance(value, float) else value for value in values]
    return hashlib.sha256(json.dumps([_FORM, before, *exact], separators=(",", ":")).encode()).hexdigest()


def head(session: Session, organisation_id: str) -> tuple[int, str]:
    """Return the number and the digest of the newest entry; 0 and ``BEGINNING`` where there is none."""
    newest = select(AuditEntryRow.id, AuditEntryRow.chain).where(AuditEntryRow.organisation_id == organisation_id)
    found = session.execute(newest.order_by(AuditEntryRow.id.desc()).limit(1)).first()
    return (0, BEGINNING) if found is None else (found.id, found.chain)


def cut(session: Session) -> tuple[int, str]:
    """Return the number and the digest of the last entry that was removed; 0 and ``BEGINNING`` where none was."""
    said = select(AuditEntryRow.subject).where(AuditEntryRow.action == CUT).order_by(AuditEntryRow.id.desc()).limit(1)
    number, _colon, digest = (session.scalar(said) or "").partition(":")
    return (int(number), digest) if number.isdecimal() else (0, BEGINNING)


def entries(session: Session, after: tuple[int, str] = (0, BEGINNING)) -> Iterator[tuple[int, str, str]]:
    """Yield number, digest, and what the digest must be of each entry of one organisation after one, the oldest first.

    Args:
        session: One organisation's.
        after: The number and the digest of the entry before.
    """
    last, before = after
    while rows := _next(session, last):
        for row in rows:
            *values, chain = tuple(row)
            last = row.id
            yield last, chain, digest(before, values)
            before = chain


# Any: SQLAlchemy has no type for rows of so many columns.
def _next(session: Session, after: int) -> Sequence[Any]:
    chosen = select(*FIELDS, AuditEntryRow.chain).where(AuditEntryRow.id > after)
    return session.execute(chosen.order_by(AuditEntryRow.id).limit(_ROWS_AT_ONCE)).all()
