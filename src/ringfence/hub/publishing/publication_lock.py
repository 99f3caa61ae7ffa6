"""The publication lease: one publish at a time, in all processes, and a crash blocks it only briefly."""

import datetime as dt
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ringfence.errors import EnvironmentFault
from ringfence.hub.core import Hub
from ringfence.hub.errors import PublishRunning
from ringfence.hub.store.release_models import PublicationLeaseRow

LENGTH_S = 60.0
_EXTENDED_AFTER_S = 15.0
_ONLY = 1


@dataclass(slots=True)
class PublicationLock:
    """The right to publish, held by one call of ``held``."""

    hub: Hub
    holder: str
    confirmed_at: float

    def keep(self) -> None:
        """Extend the lease; cheap, so call it between the parts of long work."""
        if self.hub.clock() - self.confirmed_at >= _EXTENDED_AFTER_S:
            with self.hub.database.writing() as session:
                self.confirm(session)

    def confirm(self, session: Session) -> None:
        """Extend the lease in the transaction that writes; PublishRunning if somebody else took over."""
        now = self.hub.clock()
        held = session.execute(
            update(PublicationLeaseRow)
            .where(PublicationLeaseRow.id == _ONLY, PublicationLeaseRow.holder == self.holder)
            .values(ends_at=now + LENGTH_S)
            .returning(PublicationLeaseRow.id)
        ).all()
        if not held:
            raise PublishRunning(
                "this publish took so long that another one has started",
                to_do="The finished sites are published; publish again for the rest.",
            )
        self.confirmed_at = now


@contextmanager
def held(hub: Hub, who: str) -> Iterator[PublicationLock]:
    """Publish alone for the length of the block; PublishRunning says who publishes instead."""
    lease = PublicationLock(hub, secrets.token_hex(8), hub.clock())
    try:
        with hub.database.writing() as session:
            _take(session, lease, who)
    except IntegrityError:  # another process was quicker, where the database lets both begin
        raise PublishRunning(
            "another publish has just started", to_do="Wait until it ends, then publish again."
        ) from None
    try:
        yield lease
    finally:
        _let_go(hub, lease)


def clear(hub: Hub) -> None:
    """Delete a lease that a crash left. Only at the start of a process that has the database to itself."""
    with hub.database.writing() as session:
        session.execute(delete(PublicationLeaseRow))


def _take(session: Session, lease: PublicationLock, who: str) -> None:
    now = lease.confirmed_at
    row = session.get(PublicationLeaseRow, _ONLY, with_for_update=True)
    if row is None:
        row = PublicationLeaseRow(id=_ONLY)
        session.add(row)
    elif row.ends_at > now:
        since = dt.datetime.fromtimestamp(row.since, dt.UTC)
        raise PublishRunning(
            f"another publish by {row.actor} has been running since {since:%H:%M:%S} UTC",
            to_do="Wait until it ends, then publish again.",
        )
    row.holder, row.actor, row.since, row.ends_at = lease.holder, who, now, now + LENGTH_S


def _let_go(hub: Hub, lease: PublicationLock) -> None:
    try:
        with hub.database.writing() as session:
            session.execute(delete(PublicationLeaseRow).where(PublicationLeaseRow.holder == lease.holder))
    except EnvironmentFault:
        return  # the database is away; the lease ends by itself
