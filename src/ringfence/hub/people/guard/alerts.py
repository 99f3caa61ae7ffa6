"""Alerts: things that need a person's attention."""

from dataclasses import replace

from fastapi import APIRouter

from ringfence.hub.fleet.guard import alerts
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.pages import LogSort, ThePage
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.guard.alerts import GuardAlertView
from ringfence.hub.store import guard_models

router = APIRouter()


@router.get("/guard/alerts", tags=["guard"])
def list_alerts(
    hub: TheHub, _caller: TheCaller, page: ThePage, site: str | None = None, closed_too: bool = False,
    sort: LogSort = "-when",
) -> Items[GuardAlertView]:  # fmt: skip
    """List the alerts by when they last happened, newest or oldest first."""
    page = replace(page, is_oldest_first=sort == "when")
    with hub.database.reading() as session:
        return Items.of(alerts.find(session, page, site_id=site, closed_too=closed_too).each(alert_view))


@router.post("/guard/alerts/{alert}/close", tags=["guard"])
def close_alert(alert: int, hub: TheHub, caller: TheCaller) -> GuardAlertView:
    """Close an alert; a new one opens if the same happens again."""
    with hub.change(caller.name) as change:
        return alert_view(alerts.close(change, alert))


def alert_view(row: guard_models.GuardAlertRow) -> GuardAlertView:
    """Return an alert in the API's form."""
    return GuardAlertView(
        id=row.id, site=row.site_id, kind=row.kind, subject=row.subject, first_at=row.first_at, last_at=row.last_at,
        count=row.count, sentence=row.sentence, peer=row.peer, model=row.model, closed_at=row.closed_at,
        closed_by=row.closed_by,
    )  # fmt: skip
