"""Alerts, and the guards' decisions."""

from fastapi import APIRouter, Response

from ringfence.hub.fleet.guard import alerts, decision_log
from ringfence.hub.store.guard_models import GuardAlertRow
from ringfence.hub.web import lists
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.page import TheFormPage, TheWebPage
from ringfence.phones.mac import Mac

router = APIRouter(prefix="/guard")


@router.get("/alerts")
def list_alerts(page: TheWebPage) -> PageAnswer:
    """Show the alerts by when they last happened, newest or oldest first."""
    site_id, closed_too = page.query.get("site") or None, page.query.get("all", "") == "yes"
    with page.hub.database.reading() as session:
        found = alerts.find(session, lists.log_part(page), site_id=site_id, closed_too=closed_too)
        return page.show("guard/alerts.html", rows=found.rows, next=found.next, waiting=alerts.WAITING)


@router.get("/alerts/{alert}/close")
def ask_to_close(alert: int, page: TheFormPage) -> PageAnswer:
    """Ask whether an alert is dealt with."""
    with page.hub.database.reading() as session:
        row = session.get(GuardAlertRow, alert)
        if row is None:
            raise alerts.unknown(alert)
        return page.show("guard/close.html", alert=row)


@router.post("/alerts/{alert}/close")
def close_alert(alert: int, page: TheFormPage) -> Response:
    """Close an alert; a new one opens if the same happens again."""
    with page.hub.change(page.caller.name) as change:
        alerts.close(change, alert)
    return page.go("guard", "alerts", done="closed")


@router.get("/log")
def list_decisions(page: TheWebPage) -> PageAnswer:
    """Show the guards' decisions: who asked for what, and why it was given or not; newest or oldest first."""
    text = page.query.get("phone", "").strip()
    with page.hub.database.reading() as session:
        found = decision_log.find(
            session,
            site_id=page.query.get("site") or None,
            phone=Mac.parse(text) if text else None,
            refused=page.query.get("refused", "") == "yes",
            page=lists.log_part(page),
        )
        return page.show("guard/log.html", rows=found.rows, next=found.next)
