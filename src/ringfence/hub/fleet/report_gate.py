"""What an edge is believed: its reports count for phones, files and releases of its own site, and for nothing else.

Every report passes here before it is stored, so that no reader has to ask whose it is: one that names a phone of
another site keeps that address as ``foreign_owner`` and has no ``owner``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from ringfence.guard.record import LONGEST
from ringfence.hub.fleet import doubts
from ringfence.hub.store.base import MOST_COUNTED
from ringfence.hub.store.models import EdgeRow, PhoneRow, SiteRow
from ringfence.hub.store.release_models import ReleaseRow, ReleaseTargetRow
from ringfence.printable import printable
from ringfence.wire.messages import Report, ReportKind

LONGEST_DECISION = 2 * LONGEST
_LONGEST_DURATION_S = 1e7
_CLOCKS_AHEAD_S = 86_400.0
_CLAIMS = frozenset(
    {ReportKind.FILE_SERVED, ReportKind.TRANSFER_FAILED, ReportKind.PHONE_RELOADED, ReportKind.PHONE_NOT_RELOADED,
     ReportKind.WINDOW_BOUND, ReportKind.WINDOW_USED}
)  # fmt: skip
"""Kinds that say something of a phone; the others say who asked for its file, which anybody may do anywhere."""


@dataclass(frozen=True, slots=True)
class GatedReport:
    """A report as it may be stored. ``report.owner`` is a phone of the edge's site, or empty."""

    report: Report
    foreign_owner: str = ""
    is_claim: bool = False
    """Whether it claims something of a phone that was never its site's, or of a release that its site never had."""

    @property
    def named_owner(self) -> str:
        """The phone that the report names, whosever it is."""
        return self.report.owner or self.foreign_owner


def sort(session: Session, edge: EdgeRow, reports: Sequence[Report], now: float) -> list[GatedReport]:
    """Return reports of an edge, each bounded to what can be stored, and stripped of what it is not believed."""
    within = [bounded(report, now) for report in reports]
    of_site = _phones_of(session, edge.site_id, {report.owner for report in within if report.owner})
    there = _releases_of(session, edge.site_id, {report.release for report in within if report.release})
    has_lost = doubts.of(session, edge.site_id) != ""
    found = []
    for report in within:
        is_known_release = not report.release or report.release in there
        if report.kind == ReportKind.RELEASE_SERVED and not is_known_release:
            found.append(GatedReport(replace(report, release=0), is_claim=not has_lost))
        elif not report.owner or (report.owner in of_site and is_known_release):
            found.append(GatedReport(report))
        else:
            is_claim = report.kind in _CLAIMS and not has_lost and not _was_here(session, edge.site_id, report.owner)
            found.append(GatedReport(replace(report, owner=""), report.owner, is_claim))
    return found


def _phones_of(session: Session, site_id: str, macs: set[str]) -> set[str]:
    return set(session.scalars(select(PhoneRow.mac).where(PhoneRow.site_id == site_id, PhoneRow.mac.in_(sorted(macs)))))


def _releases_of(session: Session, site_id: str, numbers: set[int]) -> set[int]:
    """Return those of the numbers that are releases of the site, or were before those were removed."""
    if not numbers:
        return set()
    removed_through = session.scalar(select(SiteRow.removed_through).where(SiteRow.id == site_id)) or 0
    chosen = select(ReleaseRow.number).where(ReleaseRow.site_id == site_id, ReleaseRow.number.in_(sorted(numbers)))
    return {*session.scalars(chosen), *(number for number in numbers if number <= removed_through)}


def _was_here(session: Session, site_id: str, mac: str) -> bool:
    """Return whether a release of the site ever had a phone's file: reports of phones that moved away may come late."""
    of_phone = (ReleaseTargetRow.site_id == site_id, ReleaseTargetRow.owner == mac)
    return bool(session.scalar(select(exists().where(*of_phone))))


def bounded(report: Report, now: float) -> Report:
    """Return a report that every database can store and every terminal show: an edge may send anything."""
    decision = report.decision if len(report.decision) <= LONGEST_DECISION else ""
    return replace(
        report, at=min(max(report.at, 0.0), now + _CLOCKS_AHEAD_S), kind=printable(report.kind, 40),
        sentence=printable(report.sentence, 2000), name=printable(report.name, 255), owner=printable(report.owner, 12),
        peer=printable(report.peer, 64), finding=printable(report.finding, 40), level=printable(report.level, 8),
        decision=printable(decision, LONGEST_DECISION), release=min(report.release, MOST_COUNTED),
        count=min(report.count, MOST_COUNTED), duration_s=min(max(report.duration_s, 0.0), _LONGEST_DURATION_S),
    )  # fmt: skip
