"""A box: its subnet, and what it told last of its port, its networks and its tunnels."""

from fastapi import APIRouter, Response

from ringfence.errors import RingfenceError
from ringfence.hub.fleet import box_numbering, boxes, sites
from ringfence.hub.people.forms import TheForm
from ringfence.hub.store.change import Change
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.page import TheFormPage, TheWebPage, WebPage
from ringfence.phones.mac import Mac

router = APIRouter(prefix="/boxes/{edge}")


@router.get("")
def show_box(edge: str, page: TheWebPage) -> PageAnswer:
    """Show a box."""
    return _show(page, edge)


@router.post("/rotate-key")
def rotate_key_of_box(edge: str, page: TheFormPage) -> Response:
    """Have a box change its tunnel's key."""
    return page.change(
        lambda change: boxes.rotate_key(change, edge),
        lambda fault: _show(page, edge, fault),
        "boxes", edge, done="saved",
    )  # fmt: skip


@router.get("/renumber")
def ask_to_renumber(edge: str, page: TheFormPage) -> PageAnswer:
    """Ask whether a box is to get another subnet."""
    with page.hub.database.reading() as session:
        row, box = boxes.get(session, edge)
    return page.show("boxes/renumber.html", edge=row, box=box, fault=None, form={})


@router.post("/renumber")
def renumber_box(edge: str, page: TheFormPage, form: TheForm) -> Response:
    """Give a box another subnet: the one that is typed, or one that the hub chooses."""
    typed = form.get("subnet", "").strip()
    with page.hub.database.reading() as session:
        row, box = boxes.get(session, edge)

    def renumber(change: Change) -> None:
        its_edge, _box = boxes.get(change.session, edge)
        pool = page.hub.config.box_pool_of(page.hub.organisation_id)
        if typed:
            box_numbering.assign(change, its_edge, pool, typed)
        else:
            box_numbering.number(change, its_edge, pool, is_asked=True)

    return page.change(
        renumber,
        lambda fault: page.refused("boxes/renumber.html", fault, form, edge=row, box=box),
        "boxes", edge, done="saved",
    )  # fmt: skip


def _show(page: WebPage, edge: str, fault: RingfenceError | None = None) -> PageAnswer:
    with page.hub.database.reading() as session:
        row, box = boxes.get(session, edge)
        site = sites.get(session, row.site_id)
    devices = [str(Mac(each)) for each in box.standing.get("devices", ())]
    values = {"edge": row, "box": box, "site": site, "told": box.standing, "devices": devices}
    if fault is not None:
        return page.refused("boxes/box.html", fault, **values)
    return page.show("boxes/box.html", fault=None, **values)
