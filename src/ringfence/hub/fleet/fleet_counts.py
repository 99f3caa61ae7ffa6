"""How much there is of the fleet, in which state, as metrics show it."""

from collections.abc import Mapping

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from ringfence.hub.store.guard_models import AlertChannelRow, AlertNoticeRow
from ringfence.hub.store.models import EdgeRow, PhoneRow, SiteRow
from ringfence.hub.store.release_models import SiteStandingRow

Counts = Mapping[str, tuple[str, Mapping[str, float]]]
"""By name, what a metric means, and its values by state."""
SOON_S = 7 * 86_400


def count(session: Session, now: float) -> Counts:
    """Return the counts as they are now."""
    state = case(
        (EdgeRow.revoked_at.is_not(None), "revoked"), (EdgeRow.connected_until > now, "connected"), else_="away"
    )
    edges = {"connected": 0.0, "away": 0.0, "revoked": 0.0}
    edges |= {name: float(number) for name, number in session.execute(select(state, func.count()).group_by(state))}
    let_in = EdgeRow.revoked_at.is_(None)
    ended = func.count().filter(EdgeRow.certificate_ends_at < now)
    soon = func.count().filter(EdgeRow.certificate_ends_at.between(now, now + SOON_S))
    certificates = session.execute(select(ended, soon).select_from(EdgeRow).where(let_in)).one()
    behind = (
        select(func.count())
        .select_from(EdgeRow)
        .join(SiteRow, SiteRow.id == EdgeRow.site_id)
        .where(let_in, EdgeRow.release < SiteRow.newest_release)
    )
    held = func.count().filter(SiteRow.held_at.is_not(None))
    sites = session.execute(select(func.count(), held).select_from(SiteRow)).one()
    phones = session.execute(select(func.count(), func.count().filter(PhoneRow.blocked)).select_from(PhoneRow)).one()
    in_doubt = select(func.count()).select_from(SiteStandingRow).where(SiteStandingRow.doubt != "")
    not_kept = session.scalar(select(func.sum(EdgeRow.reports_not_kept))) or 0
    notices = session.scalar(select(func.count()).select_from(AlertNoticeRow)) or 0
    failing = func.count().filter(AlertChannelRow.failing_since.is_not(None))
    channels = session.execute(select(func.count(), failing).select_from(AlertChannelRow)).one()
    untold = select(func.count()).select_from(EdgeRow).where(let_in, EdgeRow.fetching_bytes > EdgeRow.fetched_bytes)
    return {
        "edges_fetching": ("Edges that are fetching a release.", {"": session.scalar(untold) or 0}),
        "alert_notices_waiting": ("Notices of alerts that wait to be sent.", {"": notices}),
        "alert_channels": ("Alert channels.", {"all": channels[0], "failing": channels[1]}),
        "edges": ("Edges, by state.", edges),
        "edges_behind": ("Edges that serve an older release than the newest.", {"": session.scalar(behind) or 0}),
        "edge_certificates": ("Certificates of edges.", {"ended": certificates[0], "ending": certificates[1]}),
        "sites": ("Sites.", {"all": sites[0], "held": sites[1], "in-doubt": session.scalar(in_doubt) or 0}),
        "phones": ("Phones.", {"all": phones[0], "blocked": phones[1]}),
        "reports_not_kept": ("Reports beyond their edges' budgets.", {"": float(not_kept)}),
    }
