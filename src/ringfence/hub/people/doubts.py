"""Doubts: the sites and edges of which a hub that was restored from a copy does not know enough."""

from fastapi import APIRouter

from ringfence.hub.fleet import doubts
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.pages import ThePage
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.doubts import DoubtView
from ringfence.hub.store import pages

router = APIRouter()


@router.get("/doubts", tags=["doubts"])
def list_doubts(hub: TheHub, _caller: TheCaller, page: ThePage) -> Items[DoubtView]:
    """List what the hub is in doubt of, with what to do about each."""
    with hub.database.reading() as session:
        return Items.of(pages.cut(doubts.find(session), page).each(_doubt))


def _doubt(doubt: doubts.Doubt) -> DoubtView:
    return DoubtView(
        site=doubt.site_id, edge=doubt.edge_id or None, since=doubt.since, why=doubt.why, to_do=doubt.to_do
    )
