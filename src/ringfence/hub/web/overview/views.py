"""The first page."""

from fastapi import APIRouter

from ringfence.hub.fleet import overview
from ringfence.hub.fleet.guard import alerts
from ringfence.hub.store.pages import Page
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.page import TheWebPage

router = APIRouter()

_NEWEST_ALERTS = Page(5)


@router.get("/")
def show_overview(page: TheWebPage) -> PageAnswer:
    """Show how the fleet is, what to do next, and the newest alerts."""
    with page.hub.database.reading() as session:
        health = overview.look(session, page.now)
        newest = alerts.find(session, _NEWEST_ALERTS, site_id=None).rows
    return page.show("overview/overview.html", health=health, newest=newest)
