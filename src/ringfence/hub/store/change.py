"""A change: who makes it, when, in which transaction; and the audit log that keeps it."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.hub.store import pages
from ringfence.hub.store.models import AuditEntryRow
from ringfence.hub.store.pages import Page, Paged

_ID_BYTES = 6


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


@dataclass(frozen=True, slots=True)
class Change:
    """One person's or edge's change; what it notes is kept if and only if the change is."""

    session: Session
    who: str
    now: float
    noted: list[str] = field(default_factory=list)
    """The actions that it has noted, in order."""

    def note(self, action: str, subject: str, detail: str = "") -> None:
        """Write one line of the audit log; it must hold no secret."""
        self.noted.append(action)
        by = _CALLED_BY.get()
        self.session.add(
            AuditEntryRow(
                at=self.now, actor=self.who, actor_id=by.caller_id[:40], address=by.address[:64], action=action,
                subject=subject[:120], detail=detail[:500],
            )
        )  # fmt: skip


def audit_log(session: Session, page: Page) -> Paged[AuditEntryRow]:
    """Return a page of the entries, newest first."""
    return pages.read(session, select(AuditEntryRow), page, AuditEntryRow.id, newest_first=True)


def new_id(prefix: str) -> str:
    """Return a new id such as ``edge-3f9c…``: short enough to read out, too long to guess by chance."""
    return f"{prefix}-{secrets.token_hex(_ID_BYTES)}"
