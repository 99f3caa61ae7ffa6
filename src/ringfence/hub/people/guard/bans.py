"""Bans of addresses."""

from fastapi import APIRouter

from ringfence.hub.fleet.guard import bans
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.pages import ThePage
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.guard.bans import GuardBanView, NewGuardBan
from ringfence.hub.store import guard_models, pages

router = APIRouter()


@router.get("/guard/bans", tags=["guard"])
def list_bans(hub: TheHub, _caller: TheCaller, page: ThePage) -> Items[GuardBanView]:
    """List the addresses that people have banned; an edge's own bans are in its reports."""
    with hub.database.reading() as session:
        return Items.of(pages.cut(bans.find(session, hub.clock()), page).each(_ban))


@router.post("/guard/bans", status_code=201, tags=["guard"])
def ban_address(body: NewGuardBan, hub: TheHub, caller: TheCaller) -> GuardBanView:
    """Ban an address for a time: it gets no answer."""
    with hub.change(caller.name) as change:
        return _ban(bans.ban(change, body.address, body.site, body.lasts_s, body.why))


@router.delete("/guard/bans/{address}", status_code=204, tags=["guard"])
def unban_address(address: str, hub: TheHub, caller: TheCaller) -> None:
    """Unban an address."""
    with hub.change(caller.name) as change:
        bans.unban(change, address)


def _ban(row: guard_models.GuardBanRow) -> GuardBanView:
    return GuardBanView(address=row.host, site=row.site_id, until=row.until, why=row.why, who=row.who)
