"""How much an edge may report: what is stored of it is bounded in time and in all, whoever has its key.

A report costs one unit, and one more for every KiB of its text. The budget holds what an edge can have kept for a hub
that was away (``edge.reporting.journal``) and fills by two units a second, which is more than a thousand phones need.
Whatever is beyond it is acknowledged and counted, but not kept.
"""

from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session

from ringfence.hub.store.models import EdgeReportRow, EdgeRow
from ringfence.wire.messages import Report

MOST_UNITS = 25_000.0
UNITS_A_SECOND = 2.0
MOST_OF_SITE = 200_000
"""How many reports of one site are kept; the oldest go first."""
KEPT_FOR_S = 90 * 86_400
_DELETED_AT_ONCE = 2000
_UNIT_BYTES = 1024


def has_room(edge: EdgeRow, report: Report, now: float) -> bool:
    """Take a report's cost from an edge's budget; return False where it is used up."""
    since = edge.reports_left_at
    left = MOST_UNITS if since is None else min(MOST_UNITS, edge.reports_left + UNITS_A_SECOND * max(0.0, now - since))
    cost = 1 + (len(report.sentence) + len(report.decision) + len(report.name)) // _UNIT_BYTES
    edge.reports_left_at = now
    edge.reports_left = left
    if left < cost:
        return False
    edge.reports_left = left - cost
    return True


def forget(session: Session, now: float) -> int:
    """Remove a bounded number of reports that are too old, or too many of one site; return how many were removed.

    Called until it returns 0, each time in a transaction of its own, so that nobody waits long.
    """
    gone = _remove(session, select(EdgeReportRow.id).where(EdgeReportRow.received_at < now - KEPT_FOR_S))
    if gone:
        return gone
    many = select(EdgeReportRow.site_id).group_by(EdgeReportRow.site_id).having(func.count() > MOST_OF_SITE)
    for site_id in session.scalars(many).all():
        of_site = select(EdgeReportRow.id).where(EdgeReportRow.site_id == site_id)
        newest = session.scalar(of_site.order_by(EdgeReportRow.id.desc()).offset(MOST_OF_SITE).limit(1))
        if newest is not None:
            gone += _remove(session, of_site.where(EdgeReportRow.id <= newest))
    return gone


def _remove(session: Session, chosen: Select[int]) -> int:
    ids = session.scalars(chosen.order_by(EdgeReportRow.id).limit(_DELETED_AT_ONCE)).all()
    if ids:
        session.execute(delete(EdgeReportRow).where(EdgeReportRow.id.in_(ids)))
    return len(ids)
