"""The audit log's old end goes where that is wanted, and what is left can still be checked from there on."""

import dataclasses

import pytest
from sqlalchemy import delete, func, select, update

from ringfence.hub.core import Hub
from ringfence.hub.fleet import audit
from ringfence.hub.retention import old_audit
from ringfence.hub.retention.policy import RetentionPolicy
from ringfence.hub.store import audit_chain
from ringfence.hub.store.models import AuditEntryRow
from ringfence.hub.store.organisation_models import FIRST

DAY_S = 86_400.0
POLICY = RetentionPolicy(releases=2, releases_for_s=30 * DAY_S, audit_for_s=100 * DAY_S)


def noted(hub: Hub, count: int, every_days: float = 1.0) -> list[str]:
    """Entries a day apart; return the head after each."""
    heads = []
    for number in range(count):
        now = hub.clock() + every_days * DAY_S
        hub.clock = lambda now=now: now  # type: ignore[misc]  # a clock that stands
        with hub.change("test") as change:
            change.note("test.noted", str(number))
        with hub.database.reading() as session:
            heads.append(":".join(map(str, audit_chain.head(session, FIRST))))
    return heads


def verified(hub: Hub, head: str = "") -> audit.AuditCheck:
    with hub.database.reading() as session:
        return audit.verify(session, head)


def oldest(hub: Hub) -> int:
    with hub.database.reading() as session:
        return session.scalar(select(func.min(AuditEntryRow.id))) or 0


def test_old_entries_go_and_what_is_left_is_whole(idle: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(old_audit, "_AT_ONCE", 30)
    heads = noted(idle, 200)
    assert old_audit.cut(idle, dataclasses.replace(POLICY, audit_for_s=None)) == 0
    gone = old_audit.cut(idle, POLICY)
    assert gone >= 99
    assert oldest(idle) == gone + 1
    found = verified(idle)
    own = int(heads[0].partition(":")[0]) - 1  # what a new hub's log begins with
    assert (found.broken, found.entries) == (None, own + 200 - gone + -(-gone // 30))
    assert verified(idle, heads[-1]).broken is None
    assert old_audit.cut(idle, POLICY) == 0
    noted(idle, 20)
    assert old_audit.cut(idle, POLICY) > 10
    assert verified(idle).broken is None
    old = verified(idle, heads[0])
    assert (old.broken, "is not known any more" in old.why) == (None, True)
    last = next(head for head in reversed(heads) if int(head.partition(":")[0]) < oldest(idle))
    assert (verified(idle, last).broken, verified(idle, last).why) == (None, "")
    number = int(last.partition(":")[0])
    assert verified(idle, f"{number}:{'0' * 64}").broken == number


def test_who_takes_out_more_or_alters_what_is_left_is_found(idle: Hub) -> None:
    noted(idle, 150)
    old_audit.cut(idle, POLICY)
    first = oldest(idle)
    with idle.database.writing() as session:
        session.execute(update(AuditEntryRow).where(AuditEntryRow.id == first + 5).values(detail="another"))
    assert verified(idle).broken == first + 5
    with idle.database.writing() as session:
        session.execute(delete(AuditEntryRow).where(AuditEntryRow.id <= first + 5))
    found = verified(idle)
    assert found.broken == first + 6
    assert "entries before it were altered" in found.why


def test_the_newest_entry_stays_however_old(idle: Hub) -> None:
    noted(idle, 3)
    now = idle.clock() + 1000 * DAY_S
    idle.clock = lambda: now
    old_audit.cut(idle, POLICY)
    found = verified(idle)
    assert (found.broken, found.entries) == (None, 2)
    with idle.database.reading() as session:
        assert audit.verify(session, found.head).broken is None
