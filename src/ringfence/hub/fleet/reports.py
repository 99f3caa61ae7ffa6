"""Reports: what happened at edges, each stored once, in order."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from ringfence.hub import logs
from ringfence.hub.errors import OutOfOrder
from ringfence.hub.fleet import report_budget, report_gate, sites
from ringfence.hub.fleet.report_gate import GatedReport
from ringfence.hub.store import pages
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import EdgeReportRow, EdgeRow
from ringfence.hub.store.pages import Page, Paged
from ringfence.phones.mac import Mac
from ringfence.wire.messages import Report, ReportBatch, ReportKind

_log = logs.get("reports")

MOST_AT_ONCE = 500
"""How many reports one transaction takes; the edge sends what is beyond again."""


@dataclass(frozen=True, slots=True)
class StoredReports:
    """The outcome of a batch: the number of the last report that is dealt with, and the new reports that were stored.

    ``not_kept`` reports were beyond the edge's budget.
    """

    through: int
    new: Sequence[GatedReport]
    not_kept: int


def store(change: Change, edge: EdgeRow, batch: ReportBatch) -> StoredReports:
    """Store the new reports of a batch; ``guard.report_intake`` works out what they mean.

    A batch may overlap with what is stored, if it was sent again. OutOfOrder if it leaves a gap, unless this hub had
    acknowledged those reports and lost them by restoring a backup: the edge no longer has them either.
    """
    session, now = change.session, change.now
    new = report_gate.sort(session, edge, _next_of(edge, batch)[:MOST_AT_ONCE], now)
    kept = [
        gated
        for gated in new
        if report_budget.has_room(edge, gated.report, now) or gated.report.kind == ReportKind.RELEASE_SERVED
    ]
    if new:
        edge.reports_through = new[-1].report.seq
        served = [each.report.release for each in new if each.report.kind == ReportKind.RELEASE_SERVED]
        if served and served[-1]:
            edge.release = served[-1]
            edge.fetched_bytes = edge.fetching_bytes = 0
    if kept:
        of_edge = {"edge_id": edge.id, "site_id": edge.site_id, "received_at": now}
        rows = [asdict(each.report) | {"foreign_owner": each.foreign_owner[:12]} | of_edge for each in kept]
        session.execute(insert(EdgeReportRow), rows)
    edge.reports_not_kept += len(new) - len(kept)
    edge.last_seen_at = now
    return StoredReports(edge.reports_through, kept, len(new) - len(kept))


def store_own(change: Change, site_id: str, own: Sequence[Report]) -> Sequence[GatedReport]:
    """Store reports of the hub's own listener for phones, which are of no edge and have no number."""
    gated = [report_gate.bounded(report, change.now) for report in own]
    of_none = {"edge_id": None, "site_id": site_id, "received_at": change.now, "foreign_owner": ""}
    if gated:
        change.session.execute(insert(EdgeReportRow), [asdict(each) | of_none for each in gated])
    return [GatedReport(each) for each in gated]


def _next_of(edge: EdgeRow, batch: ReportBatch) -> Sequence[Report]:
    """Return a batch's reports that are new, which must follow on what is stored."""
    expected = edge.reports_through + 1
    if batch.reports and expected < batch.reports[0].seq == batch.acknowledged_through + 1:
        _log.warning("reports lost", edge=edge.id, first=expected, last=batch.acknowledged_through)
        expected = batch.acknowledged_through + 1
    new = [report for report in batch.reports if report.seq >= expected]
    for at, report in enumerate(new, expected):
        if report.seq != at:
            raise OutOfOrder(edge.reports_through + 1, report.seq)  # nothing of this batch is stored
    return new


def find(
    session: Session, *, site_id: str | None, phone: Mac | None, page: Page, kinds: Collection[str] = ()
) -> Paged[EdgeReportRow]:
    """Return a page of the reports, of these kinds or of all, the newest or the oldest first as the page says."""
    chosen = select(EdgeReportRow)
    if kinds:
        chosen = chosen.where(EdgeReportRow.kind.in_(sorted(kinds)))
    if site_id is not None:
        chosen = chosen.where(EdgeReportRow.site_id == sites.get(session, site_id).id)
    if phone is not None:
        # Each is looked up in its own index: with an "or", SQLite would read all reports in the order of their numbers.
        by_owner = select(EdgeReportRow.id).where(EdgeReportRow.owner == phone.bare)
        by_foreign_owner = select(EdgeReportRow.id).where(EdgeReportRow.foreign_owner == phone.bare)
        chosen = chosen.where(EdgeReportRow.id.in_(by_owner.union_all(by_foreign_owner)))
    return pages.read(session, chosen, page, EdgeReportRow.id, newest_first=not page.is_oldest_first)
