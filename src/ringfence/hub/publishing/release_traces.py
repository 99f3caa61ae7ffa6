"""What becomes of a release, as parts of its edit's trace: it was made, an edge serves it, a phone took it.

The parts are begun and ended by what is known of their times: an edge's by its report, which came by its clock.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.hub import tracing
from ringfence.hub.core import Hub
from ringfence.hub.fleet.report_gate import GatedReport
from ringfence.hub.store.release_models import ReleaseRow
from ringfence.hub.tracing import Span
from ringfence.wire.messages import ReportKind

_TOLD = frozenset({ReportKind.RELEASE_SERVED, ReportKind.FILE_SERVED})
MOST_TOLD = 100
"""How many reports of a batch are told."""


def begin(hub: Hub, sites: Mapping[str, str]) -> Mapping[str, Span]:
    """Begin a span for each of these sites' new releases.

    Args:
        hub: Whose.
        sites: For each site what its newest edit's trace goes on from; empty where that is not known.
    """
    if not hub.traces.are_told:
        return {}
    request = tracing.current()
    return {
        site_id: hub.traces.begin(
            "release",
            parent=of_edit or request,
            links=[request] if request and of_edit and request != of_edit else (),
            attributes={"ringfence.site": site_id},
        )
        for site_id, of_edit in sites.items()
    }


def tell(hub: Hub, session: Session, site_id: str, reports: Sequence[GatedReport]) -> None:
    """Tell of what a site's edge reports of releases that were traced."""
    if not hub.traces.are_told:
        return
    some = [each.report for each in reports if each.report.kind in _TOLD and each.report.release and not each.is_claim]
    numbers = {report.release for report in some[:MOST_TOLD]}
    if not numbers:
        return
    chosen = select(ReleaseRow.number, ReleaseRow.made_at, ReleaseRow.trace)
    chosen = chosen.where(ReleaseRow.site_id == site_id, ReleaseRow.number.in_(sorted(numbers)), ReleaseRow.trace != "")
    traced = {number: (made_at, trace) for number, made_at, trace in session.execute(chosen)}
    for report in some[:MOST_TOLD]:
        if report.release not in traced:
            continue
        made_at, trace = traced[report.release]
        about: dict[str, str | int] = {"ringfence.site": site_id, "ringfence.release": report.release}
        if report.kind == ReportKind.FILE_SERVED:
            about |= {
                "ringfence.file": report.name,
                "ringfence.phone": report.owner,
                "ringfence.bytes": report.size_bytes,
            }
            name, began = "phone's fetch", report.at - report.duration_s
        else:
            name, began = "edge's turn to it", made_at
        hub.traces.begin(name, parent=trace, attributes=about, at=min(began, report.at)).end(at=report.at)
