"""The first page."""

from fastapi import APIRouter
from sqlalchemy.orm import Session

from ringfence.hub.fleet import organisation_use, overview
from ringfence.hub.fleet.guard import alerts
from ringfence.hub.fleet.organisation_use import LimitUse
from ringfence.hub.store.binding import whose
from ringfence.hub.store.pages import Page
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.page import TheWebPage, WebPage

router = APIRouter()

_NEWEST_ALERTS = Page(5)


@router.get("/")
def show_overview(page: TheWebPage) -> PageAnswer:
    """Show how the fleet is, what to do next, and the newest alerts."""
    with page.hub.database.reading() as session:
        health = overview.look(session, page.now)
        newest = alerts.find(session, _NEWEST_ALERTS, site_id=None).rows
        limits = _limits(page, session)
    return page.show("overview/overview.html", health=health, newest=newest, limits=limits)


def _limits(page: WebPage, session: Session) -> list[LimitUse]:
    """Return what the organisation may have at most, for those who may know what it has."""
    if not page.may("GET", "/organisations/-/limits"):
        return []
    return [each for each in organisation_use.find(session, whose(session), page.now) if each.most is not None]
