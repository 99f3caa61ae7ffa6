"""The guards' decisions, as edges reported them, and one decision explained with its evidence."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.guard import record
from ringfence.guard.decision import Decision
from ringfence.guard.errors import BadRecord
from ringfence.guard.levels import FileKind, Level
from ringfence.guard.rules import read_rules
from ringfence.guard.serving_profile import ServingProfile
from ringfence.hub.errors import NothingRecorded
from ringfence.hub.fleet import reports
from ringfence.hub.fleet.guard import rules_for_edges
from ringfence.hub.store.models import EdgeReportRow
from ringfence.hub.store.pages import Page, Paged
from ringfence.phones.mac import Mac
from ringfence.wire.messages import ReportKind

REFUSED = (ReportKind.FILE_REFUSED, ReportKind.FILE_HELD_BACK, ReportKind.BANNED)
KINDS = (ReportKind.FILE_SERVED, *REFUSED)


@dataclass(frozen=True, slots=True)
class DecisionExplanation:
    """A decision repeated from its record: by the policy of then, and by the site's policy today."""

    report: EdgeReportRow
    then: Decision
    today: Decision

    @property
    def goes_the_same_way(self) -> bool:
        """Whether today's policy would give the same answer."""
        return (self.then.verdict, self.then.finding) == (self.today.verdict, self.today.finding)


def find(
    session: Session, *, site_id: str | None, phone: Mac | None, refused: bool, page: Page
) -> Paged[EdgeReportRow]:
    """Return a page of decisions in the order that the page says; about files for every phone only those refused."""
    kinds = REFUSED if refused else KINDS
    return reports.find(session, site_id=site_id, phone=phone, page=page, kinds=kinds)


def explain(session: Session, mac: Mac, now: float) -> DecisionExplanation:
    """Repeat the last decision about a phone's own files; NothingRecorded if no edge has reported one."""
    chosen = (
        select(EdgeReportRow)
        .where(
            EdgeReportRow.owner == mac.bare,
            EdgeReportRow.kind.in_(KINDS),
            EdgeReportRow.decision != "",
        )
        .order_by(EdgeReportRow.id.desc())
        .limit(1)
    )
    report = session.scalar(chosen)
    if report is None:
        raise NothingRecorded(
            f"no edge has reported a decision about phone {mac}",
            to_do="Restart the phone, so that it asks for its file; its edge reports it within seconds.",
        )
    try:
        rules = rules_for_edges.compile_site(session, report.site_id, now)
        today = read_rules(rules, _profile(report)).policy
        return DecisionExplanation(report, record.replay(report.decision), record.replay(report.decision, today))
    except BadRecord:
        raise NothingRecorded(
            f"the last decision about phone {mac} has a form that this hub does not know",
            where=f"edge {report.edge_id}" if report.edge_id else "the listener for phones",
            to_do="Update edge and hub to the same version.",
        ) from None


def _profile(report: EdgeReportRow) -> ServingProfile:
    """Return whom the decision's file was served to."""
    if report.edge_id is not None:
        return ServingProfile.LAN
    levels = record.read(report.decision).policy.levels
    is_unproven = levels.get(FileKind.SECRET) == Level.L1.name
    return ServingProfile.UNPROVEN if is_unproven else ServingProfile.LISTENER
