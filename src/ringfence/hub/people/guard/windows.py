"""Provisioning windows."""

from fastapi import APIRouter

from ringfence.hub.fleet.guard import windows
from ringfence.hub.people.callers import TheCaller, TheHub, ThePhone
from ringfence.hub.people.pages import ThePage
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.guard.windows import GuardWindowView, NewGuardWindow
from ringfence.hub.store import guard_models, pages
from ringfence.phones.mac import Mac

router = APIRouter()


@router.get("/guard/windows", tags=["guard"])
def list_windows(hub: TheHub, _caller: TheCaller, page: ThePage) -> Items[GuardWindowView]:
    """List the provisioning windows whose time has not ended."""
    with hub.database.reading() as session:
        return Items.of(pages.cut(windows.find(session, hub.clock()), page).each(_window))


@router.put("/phones/{mac}/window", tags=["guard"])
def open_window(mac: ThePhone, body: NewGuardWindow, hub: TheHub, caller: TheCaller) -> GuardWindowView:
    """Open a window in which a phone may take its file once, from anywhere."""
    with hub.change(caller.name) as change:
        return _window(windows.open_for(change, mac, body.lasts_s))


@router.delete("/phones/{mac}/window", status_code=204, tags=["guard"])
def close_window(mac: ThePhone, hub: TheHub, caller: TheCaller) -> None:
    """Close a phone's window."""
    with hub.change(caller.name) as change:
        windows.close(change, mac)


def _window(row: guard_models.GuardWindowRow) -> GuardWindowView:
    return GuardWindowView(
        id=row.id, site=row.site_id, mac=str(Mac(row.mac)), who=row.who, opened_at=row.opened_at, until=row.until,
        bound_to=row.bound_to, used_at=row.used_at,
    )  # fmt: skip
