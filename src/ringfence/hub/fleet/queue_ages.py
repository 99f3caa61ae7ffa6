"""What waits at the hub: how much of it, and for how long the oldest has waited."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ringfence.hub.fleet.rotation_stages import UNDER_WAY
from ringfence.hub.store.draft_models import DraftRow
from ringfence.hub.store.due_order_models import DueOrderRow
from ringfence.hub.store.edge_job_models import EdgeJobRow
from ringfence.hub.store.guard_models import AlertNoticeRow
from ringfence.hub.store.pbx_models import RotationRow
from ringfence.wire.job_messages import EdgeJobState

_NOT_BEGUN = (EdgeJobState.WAITING, EdgeJobState.QUEUED)


@dataclass(frozen=True, slots=True)
class QueueAge:
    """How much waits, and for how long the oldest has waited, in seconds; 0 where nothing does."""

    waiting: int
    oldest_s: float


def look(session: Session, now: float) -> Mapping[str, QueueAge]:
    """Return what waits now, by what it is."""
    since: dict[str, tuple[Any, Any]] = {  # Any: columns of several tables, and conditions on them
        "alert-notices": (AlertNoticeRow.made_at, AlertNoticeRow.due_at <= now),
        "drafts": (DraftRow.publish_at, DraftRow.publish_at <= now),
        "edge-jobs": (EdgeJobRow.asked_at, EdgeJobRow.state.in_(_NOT_BEGUN) & (EdgeJobRow.until > now)),
        "phone-orders": (DueOrderRow.due_at, DueOrderRow.due_at <= now),
        "rotations": (RotationRow.began_at, RotationRow.stage.in_(sorted(UNDER_WAY))),
    }
    found = {}
    for name, (begins, waits) in since.items():
        count, first = session.execute(select(func.count(), func.min(begins)).where(waits)).one()
        found[name] = QueueAge(count, 0.0 if first is None else max(now - first, 0.0))
    return found
