"""The audit log's old end: removed where ``RetentionPolicy.audit_for_s`` says so, so that the rest can be checked."""

from dataclasses import dataclass

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from ringfence.hub.core import Hub
from ringfence.hub.retention.policy import RetentionPolicy
from ringfence.hub.store import audit_chain
from ringfence.hub.store.models import AuditEntryRow

WHO = "the hub"
_AT_ONCE = 2000
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class _OldEntries:
    """The oldest entries of a log, which may go: the first and the last of them, with the digest of that."""

    first: int
    last: int
    digest: str


def cut(hub: Hub, policy: RetentionPolicy) -> int:
    """Remove the entries of an organisation's log that are too old, once a day; return up to how many.

    Each step leaves an entry with the number and the digest of the last one that it removed. The newest entry stays.
    """
    if policy.audit_for_s is None:
        return 0
    gone = 0
    while True:
        with hub.database.reading() as session:
            if _old(session, hub.clock() - policy.audit_for_s, goes_on=gone > 0) is None:
                return gone
        with hub.change(WHO) as change:
            found = _old(change.session, change.now - policy.audit_for_s, goes_on=gone > 0)
            if found is None:
                return gone
            change.session.execute(delete(AuditEntryRow).where(AuditEntryRow.id <= found.last))
            gone += found.last - found.first + 1
            said = f"entries {found.first} to {found.last} were removed, as they were old"
            change.note(audit_chain.CUT, f"{found.last}:{found.digest}", said)


def _old(session: Session, before: float, *, goes_on: bool) -> _OldEntries | None:
    """Return the oldest entries, all from before a time; none where the first is hardly older than that."""
    of = AuditEntryRow
    first = session.execute(select(of.id, of.at).order_by(of.id).limit(1)).first()
    if first is None or first.at >= before - (0 if goes_on else _DAY_S):
        return None
    young = session.scalar(select(func.min(of.id)).where(of.at >= before))
    newest = session.scalar(select(func.max(of.id))) or 0
    through = min(newest if young is None else young, first.id + _AT_ONCE) - 1
    last = session.execute(select(of.id, of.chain).where(of.id <= through).order_by(of.id.desc()).limit(1)).first()
    return None if last is None else _OldEntries(first.id, last.id, last.chain)
