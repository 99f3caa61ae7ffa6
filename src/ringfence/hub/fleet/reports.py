"""Reports: what happened at edges, each stored once, in order."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from ringfence.guard.record import LONGEST
from ringfence.hub import logs
from ringfence.hub.errors import OutOfOrder
from ringfence.hub.fleet import sites
from ringfence.hub.store import pages
from ringfence.hub.store.base import MOST_COUNTED
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import EdgeReportRow, EdgeRow
from ringfence.hub.store.pages import Page, Paged
from ringfence.phones.mac import Mac
from ringfence.wire.messages import Report, ReportBatch, ReportKind

_log = logs.get("reports")

KEPT_FOR_S = 90 * 86_400
_LONGEST_DECISION = 2 * LONGEST


@dataclass(frozen=True, slots=True)
class StoredReports:
    """The outcome of a batch: the number of the last stored report, and the reports that were new."""

    through: int
    new: Sequence[Report]


def store(change: Change, edge: EdgeRow, batch: ReportBatch) -> StoredReports:
    """Store the new reports of a batch; ``guard.report_intake`` works out what they mean.

    A batch may overlap with what is stored, if it was sent again. OutOfOrder if it leaves a gap, unless this hub had
    acknowledged those reports and lost them by restoring a backup: the edge no longer has them either.
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
        new.append(_bounded(report))
        expected += 1
    if new:
        session.execute(
            insert(EdgeReportRow),
            [asdict(report) | {"edge_id": edge.id, "site_id": edge.site_id, "received_at": now} for report in new],
        )
        edge.reports_through = expected - 1
        served = [report.release for report in new if report.kind == ReportKind.RELEASE_SERVED]
        if served:
            edge.release = served[-1]
            edge.fetched_bytes = edge.fetching_bytes = 0
    edge.last_seen_at = now
    return StoredReports(expected - 1, new)


def find(
    session: Session, *, site_id: str | None, phone: Mac | None, page: Page, kinds: Collection[str] = ()
) -> Paged[EdgeReportRow]:
    """Return a page of the reports, newest first; of these kinds, or of all."""
    chosen = select(EdgeReportRow)
    if kinds:
        chosen = chosen.where(EdgeReportRow.kind.in_(sorted(kinds)))
    if site_id is not None:
        chosen = chosen.where(EdgeReportRow.site_id == sites.get(session, site_id).id)
    if phone is not None:
        chosen = chosen.where(EdgeReportRow.owner == phone.bare)
    return pages.read(session, chosen, page, EdgeReportRow.id, newest_first=True)


def forget_old(session: Session, now: float) -> None:
    """Remove reports that are older than 90 days."""
    session.execute(delete(EdgeReportRow).where(EdgeReportRow.received_at < now - KEPT_FOR_S))


def _bounded(report: Report) -> Report:
    """Return a report that every database can store: an edge may send anything, and goes on only once it is stored.

    Texts are cut to their columns' lengths and have no NUL, which PostgreSQL can't store; numbers fit their columns.
    """
    decision = report.decision if len(report.decision) <= _LONGEST_DECISION else ""
    return replace(
        report,
        kind=_text(report.kind, 40), sentence=_text(report.sentence, 2000), name=_text(report.name, 255),
        owner=_text(report.owner, 12), peer=_text(report.peer, 64), finding=_text(report.finding, 40),
        level=_text(report.level, 8), decision=_text(decision, _LONGEST_DECISION),
        release=min(report.release, MOST_COUNTED), count=min(report.count, MOST_COUNTED),
    )  # fmt: skip


def _text(text: str, longest: int) -> str:
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")[:longest]
