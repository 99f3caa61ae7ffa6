"""Alerts about concentrators: one that is away, or whose certificate ends. They end with what they are about."""

from collections.abc import Iterator

from sqlalchemy import select

from ringfence.hub.fleet import concentrators
from ringfence.hub.fleet.guard import alerts
from ringfence.hub.fleet.guard.edge_alerts import CERTIFICATE_ENDS_WITHIN_S, day
from ringfence.hub.store.change import Change
from ringfence.hub.store.guard_models import GuardAlertRow
from ringfence.hub.store.network_models import ConcentratorRow

AWAY_AFTER_S = 300.0
KINDS = (alerts.CONCENTRATOR_AWAY, alerts.CONCENTRATOR_CERTIFICATE)


def look(change: Change) -> tuple[int, int]:
    """Open and close alerts as concentrators are now; return how many were opened and closed."""
    due = {
        (kind, row.id): sentence
        for row in change.session.scalars(concentrators.choose())
        for kind, sentence in _about(row, change.now)
    }
    of_kinds = select(GuardAlertRow).where(GuardAlertRow.kind.in_(KINDS), GuardAlertRow.closed_at.is_(None))
    there = {(row.kind, row.subject): row for row in change.session.scalars(of_kinds)}
    over = [row for key, row in there.items() if key not in due]
    for row in over:
        alerts.end(change, row)
    news = [key for key in due if key not in there]
    for kind, concentrator_id in news:
        alerts.raise_alert(change, None, kind, concentrator_id, due[kind, concentrator_id])
    return len(news), len(over)


def _about(row: ConcentratorRow, now: float) -> Iterator[tuple[str, str]]:
    if row.enrolled_at is None:
        return
    who = f"Concentrator {row.name}"
    seen = max(row.enrolled_at, row.told_at or 0.0, (row.connected_until or 0.0) - concentrators.CONNECTED_FOR_S)
    if not concentrators.is_connected(row, now) and now - seen > AWAY_AFTER_S:
        sentence = (
            f"{who} has not been seen since {day(seen)}. If it runs, calls go on, but it hears of no change: boxes "
            "that are revoked meanwhile stay in. On it: is `ringfence tunnel run` running?"
        )
        yield alerts.CONCENTRATOR_AWAY, sentence
    if row.certificate_ends_at is not None and row.certificate_ends_at - now < CERTIFICATE_ENDS_WITHIN_S:
        ends = day(row.certificate_ends_at)
        sentence = f"{who} has a certificate that ends on {ends}, and renews it when it connects."
        yield alerts.CONCENTRATOR_CERTIFICATE, sentence
