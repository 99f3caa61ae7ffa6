"""Other sites that served a phone lately, for as long as that counts."""

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from ringfence.hub.store.change import Change
from ringfence.hub.store.guard_models import GuardElsewhereRow
from ringfence.phones.mac import Mac


def end(change: Change, mac: Mac | None = None) -> None:
    """Delete where else a phone was served, or whatever has ended for all phones."""
    ended = GuardElsewhereRow.until <= change.now
    for row in change.session.scalars(
        select(GuardElsewhereRow).where(ended if mac is None else or_(ended, GuardElsewhereRow.mac == mac.bare))
    ):
        change.session.delete(row)


def has_ended(session: Session, now: float) -> bool:
    """Return whether ``end`` has something to do."""
    return session.scalar(select(GuardElsewhereRow.mac).where(GuardElsewhereRow.until <= now).limit(1)) is not None
