"""Alerts about edges: one that is away, stays behind, says a problem, has a wrong clock, or whose certificate ends.

They are looked for from time to time, and end by themselves with what they are about.
"""

import time
from collections.abc import Iterator

from sqlalchemy import select

from ringfence.counted import counted
from ringfence.hub.fleet.guard import alerts
from ringfence.hub.store.change import Change
from ringfence.hub.store.guard_models import GuardAlertRow
from ringfence.hub.store.models import EdgeRow, SiteRow
from ringfence.hub.store.release_models import ReleaseRow

AWAY_AFTER_S = 15 * 60.0
BEHIND_AFTER_S = 3600.0
CERTIFICATE_ENDS_WITHIN_S = 7 * 86_400.0
"""An edge renews ten days before the end, so that it is late by then."""
CLOCK_OFF_S = 120.0
"""An edge goes by the hub's time, so that this harms only its logs, and who reads them."""
KINDS = (alerts.EDGE_AWAY, alerts.EDGE_BEHIND, alerts.EDGE_PROBLEM, alerts.EDGE_CLOCK, alerts.CERTIFICATE_ENDS)


def look(change: Change) -> tuple[int, int]:
    """Open and close alerts as edges are now; return how many were opened and closed."""
    session, due = change.session, {}
    newest = (ReleaseRow.site_id == SiteRow.id) & (ReleaseRow.number == SiteRow.newest_release)
    chosen = (
        select(EdgeRow, SiteRow, ReleaseRow.made_at)
        .join(SiteRow, SiteRow.id == EdgeRow.site_id)
        .outerjoin(ReleaseRow, newest)
        .where(EdgeRow.revoked_at.is_(None))
    )
    for edge, site, made_at in session.execute(chosen):
        for kind, sentence in _about(edge, site, made_at, change.now):
            due[kind, edge.id] = (site.id, sentence)
    of_kinds = select(GuardAlertRow).where(GuardAlertRow.kind.in_(KINDS), GuardAlertRow.closed_at.is_(None))
    there = {(row.kind, row.subject): row for row in session.scalars(of_kinds)}
    over = [row for key, row in there.items() if key not in due]
    for row in over:
        alerts.end(change, row)
    news = [key for key in due if key not in there]
    for kind, edge_id in news:
        site_id, sentence = due[kind, edge_id]
        alerts.raise_alert(change, site_id, kind, edge_id, sentence)
    return len(news), len(over)


def _about(edge: EdgeRow, site: SiteRow, made_at: float | None, now: float) -> Iterator[tuple[str, str]]:
    who = f"Edge {edge.hostname or edge.id} of {site.name}"
    seen = edge.last_seen_at or edge.enrolled_at
    is_away = now - seen > AWAY_AFTER_S
    if is_away:
        yield alerts.EDGE_AWAY, f"{who} has not been seen since {day(seen)}. It serves what it has, if it is running."
    elif edge.release < site.newest_release and made_at is not None and now - made_at > BEHIND_AFTER_S:
        newest = f"{site.newest_release} has been there since {day(made_at)}"
        sentence = (
            f"{who} is connected and serves release {edge.release}, while {newest}. On it: ringfence edge status."
        )
        yield alerts.EDGE_BEHIND, sentence
    if edge.problem and not is_away:
        yield alerts.EDGE_PROBLEM, f"{who} says: {edge.problem_text}"
    if abs(edge.clock_off_s) > CLOCK_OFF_S and not is_away:
        yield alerts.EDGE_CLOCK, f"{who} has a clock that is {clock_in_words(edge.clock_off_s)}. Set up NTP on it."
    if edge.certificate_ends_at - now < CERTIFICATE_ENDS_WITHIN_S:
        ends = day(edge.certificate_ends_at)
        yield alerts.CERTIFICATE_ENDS, f"{who} has a certificate that ends on {ends}, and renews it when it connects."


def clock_in_words(off_s: float) -> str:
    """Return by how much a clock is wrong."""
    size = abs(off_s)
    for unit_s, unit in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if size >= 2 * unit_s:
            return f"{counted(int(size // unit_s), unit)} {'fast' if off_s > 0 else 'slow'}"
    return f"{counted(int(size), 'second')} {'fast' if off_s > 0 else 'slow'}"


def day(at: float) -> str:
    """Return a moment as sentences name it."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at))
