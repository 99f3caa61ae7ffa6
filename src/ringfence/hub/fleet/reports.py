"""Reports: what happened at edges, each stored once, in order."""

from collections.abc import Collection, Sequence
from dataclasses import asdict

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from ringfence.guard.record import LONGEST
from ringfence.hub import logs
from ringfence.hub.errors import OutOfOrder
from ringfence.hub.fleet import sites
from ringfence.hub.fleet.guard import report_intake
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import EdgeReportRow, EdgeRow
from ringfence.phones.mac import Mac
from ringfence.wire.messages import Report, ReportBatch, ReportKind

_log = logs.get("reports")

_MOST_COUNTED = 2**31 - 1
KEPT_FOR_S = 90 * 86_400
_LONGEST = {"kind": 40, "sentence": 2000, "name": 255, "owner": 12, "peer": 64, "finding": 40, "level": 8}
_LONGEST_DECISION = 2 * LONGEST


def store(change: Change, edge: EdgeRow, batch: ReportBatch) -> int:
    """Store what is new of a batch and return the number of the last stored report.

    A batch may begin before what is stored: it was sent again. OutOfOrder where it leaves a gap, unless the gap is what
    this hub has acknowledged and lost since, by going back to a backup: the edge has it no more either.
    """
    session, now = change.session, change.now
    expected = edge.reports_through + 1
    if batch.reports and expected < batch.reports[0].seq == batch.acknowledged_through + 1:
        _log.warning("reports lost", edge=edge.id, first=expected, last=batch.acknowledged_through)
        expected = batch.acknowledged_through + 1
    new = []
    for report in batch.reports:
        if report.seq < expected:
            continue
        if report.seq > expected:
            raise OutOfOrder(edge.reports_through + 1, report.seq)  # nothing of this batch is stored
        new.append(report)
        expected += 1
    if new:
        session.execute(
            insert(EdgeReportRow),
            [_row(report) | {"edge_id": edge.id, "site_id": edge.site_id, "received_at": now} for report in new],
        )
        edge.reports_through = expected - 1
        served = [report.release for report in new if report.kind == ReportKind.RELEASE_SERVED]
        if served:
            edge.release = served[-1]
            edge.fetched_bytes = edge.fetching_bytes = 0
        report_intake.take(change, edge, new)
    edge.last_seen_at = now
    return expected - 1


def find(
    session: Session, *, site_id: str | None, phone: Mac | None, limit: int, kinds: Collection[str] = ()
) -> Sequence[EdgeReportRow]:
    """Return the newest reports, newest first; of these kinds, or of all."""
    chosen = select(EdgeReportRow).order_by(EdgeReportRow.id.desc()).limit(limit)
    if kinds:
        chosen = chosen.where(EdgeReportRow.kind.in_(sorted(kinds)))
    if site_id is not None:
        chosen = chosen.where(EdgeReportRow.site_id == sites.get(session, site_id).id)
    if phone is not None:
        chosen = chosen.where(EdgeReportRow.owner == phone.bare)
    return session.scalars(chosen).all()


def forget_old(session: Session, now: float) -> None:
    """Remove reports that are older than 90 days."""
    session.execute(delete(EdgeReportRow).where(EdgeReportRow.received_at < now - KEPT_FOR_S))


# Values of the report's own columns.
def _row(report: Report) -> dict[str, str | int | float]:
    row: dict[str, str | int | float] = asdict(report)
    for part, longest in _LONGEST.items():
        row[part] = str(row[part])[:longest]
    row["decision"] = report.decision if len(report.decision) <= _LONGEST_DECISION else ""
    row["count"] = min(max(report.count, 0), _MOST_COUNTED)
    return row
