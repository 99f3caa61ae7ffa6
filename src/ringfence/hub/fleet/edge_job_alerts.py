"""Alerts about jobs: one that waits for somebody's approval, and one that a machine's owner does not allow.

The first ends when nobody needs to approve it any more, the second when a person has looked at it: whoever asked may
not have been who they seemed.
"""

from sqlalchemy import select

from ringfence.hub.fleet import edge_jobs
from ringfence.hub.fleet.guard import alerts
from ringfence.hub.store.change import Change
from ringfence.hub.store.edge_job_models import EdgeJobRow
from ringfence.hub.store.guard_models import GuardAlertRow
from ringfence.wire.job_messages import EdgeJobState


def tell_of_waiting(change: Change, row: EdgeJobRow) -> None:
    """Open the alert of a job that waits for approval."""
    because = f": {row.why}" if row.why else ""
    sentence = (
        f"{row.asked_by} asks for {edge_jobs.in_short(row)} at edge {row.edge_id} of {row.site_id}{because}. "
        f"Approve it on its page, or cancel it: ringfence edge jobs cancel {row.id}."
    )
    alerts.raise_alert(change, row.site_id, alerts.JOB_WAITING, row.id, sentence)


def tell_of_refused(change: Change, row: EdgeJobRow) -> None:
    """Open the alert of a job that its edge has refused by its owner's policy."""
    sentence = f"Edge {row.edge_id} refused {edge_jobs.in_short(row)}, which {row.asked_by} asked for: {row.sentence}"
    alerts.raise_alert(change, row.site_id, alerts.JOB_REFUSED, row.edge_id, sentence)


def look(change: Change) -> int:
    """End the alerts of jobs that wait for nobody any more; return how many there were."""
    chosen = select(GuardAlertRow).where(GuardAlertRow.kind == alerts.JOB_WAITING, GuardAlertRow.closed_at.is_(None))
    over = [row for row in change.session.scalars(chosen) if not _waits(change, row.subject)]
    for row in over:
        alerts.end(change, row)
    return len(over)


def _waits(change: Change, job_id: str) -> bool:
    row: EdgeJobRow | None = change.session.get(EdgeJobRow, job_id)
    return row is not None and edge_jobs.state_of(row, change.now) is EdgeJobState.WAITING
