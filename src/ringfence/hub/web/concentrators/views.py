"""Concentrators: who they are, how they are, what is routed to them, and tokens for new ones."""

from fastapi import APIRouter, Response

from ringfence.errors import BadInput, RingfenceError
from ringfence.hub.errors import ChangedMeanwhile
from ringfence.hub.fleet import concentrators
from ringfence.hub.people.forms import NO_FORM, Form, TheForm
from ringfence.hub.store.network_models import ConcentratorRow
from ringfence.hub.web import lists
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.marks import check_unchanged, mark
from ringfence.hub.web.page import TheFormPage, TheWebPage, WebPage
from ringfence.identity.tokens import TunnelToken

router = APIRouter(prefix="/concentrators")

_CELLS: lists.Cells[ConcentratorRow] = {
    "place": lambda row: (row.position, row.id),
    "name": lambda row: row.name.casefold(),
    "endpoint": lambda row: row.endpoint,
    "told": lambda row: row.told_at,
}


@router.get("")
def list_concentrators(page: TheWebPage) -> PageAnswer:
    """Show the concentrators, in the order in which boxes try them."""
    with page.hub.database.reading() as session:
        found = lists.cut(page, session.scalars(concentrators.choose()).all(), _CELLS)
    rows = [(row, concentrators.is_connected(row, page.now)) for row in found.rows]
    return page.show("concentrators/list.html", rows=rows, next=found.next)


@router.get("/-/new")
def ask_for_name(page: TheFormPage) -> PageAnswer:
    """Show the form for a concentrator's token."""
    name = page.query.get("name", "")
    return page.show("concentrators/new.html", form={"name": name}, fault=None)


@router.post("/-/new")
def create_concentrator_token(page: TheFormPage, form: TheForm) -> PageAnswer:
    """Create a token for a concentrator, which is new or enrols again, and show it, this once."""
    hub = page.hub
    try:
        with hub.change(page.caller.name) as change:
            row, token, secret = concentrators.create_token(change, form.get("name", ""))
            if networks := form.get("networks", "").split():
                concentrators.allow(change, row.id, networks)
    except RingfenceError as fault:
        return page.refused("concentrators/new.html", fault, form)
    text = TunnelToken(hub.device_url, hub.authority.fingerprint, secret, int(token.expires_at), row.name).to_text()
    return page.show("concentrators/created.html", concentrator=row, token=token, text=text)


@router.get("/{concentrator}")
def show_concentrator(concentrator: str, page: TheWebPage) -> PageAnswer:
    """Show a concentrator."""
    return _show(page, concentrator)


@router.post("/{concentrator}")
def change_concentrator(concentrator: str, page: TheFormPage, form: TheForm) -> Response:
    """Say which networks are routed to a concentrator, and its place."""
    try:
        position = int(page.number(form, "position", least=1, most=1000))
        with page.hub.change(page.caller.name) as change:
            check_unchanged(form, _values(concentrators.get(change.session, concentrator)))
            concentrators.allow(change, concentrator, form.get("networks", "").split(), position)
    except (BadInput, ChangedMeanwhile) as fault:
        return _show(page, concentrator, fault, form)
    return page.go("concentrators", concentrator, done="saved")


@router.post("/{concentrator}/rotate-key")
def rotate_key_of_concentrator(concentrator: str, page: TheFormPage) -> Response:
    """Have a concentrator change its tunnel's key."""
    answer = page.change(
        lambda change: concentrators.rotate_key(change, concentrator),
        lambda fault: _show(page, concentrator, fault),
        "concentrators", concentrator, done="saved",
    )  # fmt: skip
    page.hub.wakeups.wake_tunnels({page.hub.organisation_id})
    return answer


@router.get("/{concentrator}/remove")
def ask_to_remove_concentrator(concentrator: str, page: TheFormPage) -> PageAnswer:
    """Ask whether a concentrator is to be removed."""
    with page.hub.database.reading() as session:
        row = concentrators.get(session, concentrator)
    return page.show("concentrators/remove.html", concentrator=row, fault=None)


@router.post("/{concentrator}/remove")
def remove_concentrator(concentrator: str, page: TheFormPage) -> Response:
    """Remove a concentrator: its connection ends, and boxes go on with the others."""
    with page.hub.database.reading() as session:
        row = concentrators.get(session, concentrator)
    answer = page.change(
        lambda change: concentrators.remove(change, concentrator),
        lambda fault: page.refused("concentrators/remove.html", fault, concentrator=row),
        "concentrators", done="removed",
    )  # fmt: skip
    page.hub.wakeups.wake_tunnels({page.hub.organisation_id})
    return answer


def _show(page: WebPage, concentrator: str, fault: RingfenceError | None = None, form: Form = NO_FORM) -> PageAnswer:
    with page.hub.database.reading() as session:
        row = concentrators.get(session, concentrator)
    shown = _values(row)
    values = {
        "concentrator": row,
        "connected": concentrators.is_connected(row, page.now),
        "newest": max(row.handshakes.values(), default=None),
        "mark": mark(shown),
    }
    if fault is not None:
        return page.refused("concentrators/concentrator.html", fault, form or shown, **values)
    return page.show("concentrators/concentrator.html", fault=None, form=shown, **values)


def _values(row: ConcentratorRow) -> Form:
    return {"networks": "\n".join(row.networks), "position": str(row.position)}
