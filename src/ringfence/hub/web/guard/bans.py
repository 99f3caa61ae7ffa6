"""Bans of addresses, and provisioning windows of phones."""

from fastapi import APIRouter, Response

from ringfence.errors import BadInput
from ringfence.hub.fleet import phones
from ringfence.hub.fleet.guard import bans, windows
from ringfence.hub.people.callers import ThePhone
from ringfence.hub.people.forms import Form, TheForm
from ringfence.hub.store.guard_models import GuardBanRow, GuardWindowRow
from ringfence.hub.web import lists
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.page import TheFormPage, TheWebPage, WebPage

router = APIRouter()

_BAN_CELLS: lists.Cells[GuardBanRow] = {
    "address": lambda row: row.host,
    "where": lambda row: row.site_id or "",
    "until": lambda row: row.until,
}
_WINDOW_CELLS: lists.Cells[GuardWindowRow] = {
    "phone": lambda row: row.mac,
    "until": lambda row: row.until,
    "by": lambda row: row.who,
}
_LONGEST_HOURS = bans.LONGEST_BAN_S / 3600
_FORM: Form = {"hours": "24"}
_LONGEST_MINUTES = windows.LONGEST_WINDOW_S / 60


@router.get("/guard/bans")
def list_bans(page: TheWebPage) -> PageAnswer:
    """Show the addresses that people have banned, and the form that bans one."""
    return _list(page)


@router.post("/guard/bans")
def ban_address(page: TheFormPage, form: TheForm) -> Response:
    """Ban an address for a time: it gets no answer."""
    try:
        lasts_s = page.number(form, "hours", least=0.01, most=_LONGEST_HOURS) * 3600
        with page.hub.change(page.caller.name) as change:
            site = form.get("site", "").strip() or None
            bans.ban(change, form.get("address", ""), site, lasts_s, form.get("why", ""))
    except BadInput as fault:
        return _list(page, fault, form)
    return page.go("guard", "bans", done="banned")


@router.post("/guard/bans/{address}/end")
def unban_address(address: str, page: TheFormPage) -> Response:
    """Unban an address everywhere."""
    with page.hub.change(page.caller.name) as change:
        bans.unban(change, address)
    return page.go("guard", "bans", done="removed")


def _list(page: WebPage, fault: BadInput | None = None, form: Form = _FORM) -> PageAnswer:
    with page.hub.database.reading() as session:
        found = lists.cut(page, bans.find(session, page.now), _BAN_CELLS)
    return page.form("guard/bans.html", fault, form, rows=found.rows, next=found.next)


@router.get("/guard/windows")
def list_windows(page: TheWebPage) -> PageAnswer:
    """Show the windows whose time has not ended."""
    with page.hub.database.reading() as session:
        found = lists.cut(page, windows.find(session, page.now), _WINDOW_CELLS)
    return page.show("guard/windows.html", rows=found.rows, next=found.next)


@router.get("/phones/{mac}/window")
def show_window(mac: ThePhone, page: TheFormPage) -> PageAnswer:
    """Show the form that opens a window for a phone."""
    with page.hub.database.reading() as session:
        phones.get(session, mac)
    return page.show("guard/window.html", address=mac, form={"minutes": "10"}, fault=None)


@router.post("/phones/{mac}/window")
def open_window(mac: ThePhone, page: TheFormPage, form: TheForm) -> Response:
    """Open a window for a phone, or close it."""
    try:
        with page.hub.change(page.caller.name) as change:
            if form.get("do") == "close":
                windows.close(change, mac)
            else:
                minutes = page.number(form, "minutes", least=1, most=_LONGEST_MINUTES)
                windows.open_for(change, mac, minutes * 60)
    except BadInput as fault:
        return page.refused("guard/window.html", fault, form, address=mac)
    return page.go("guard", "windows", done="saved")
