"""Changes of SIP secrets: begun for phones or a site, and how far each is."""

from fastapi import APIRouter, Response

from ringfence.errors import RingfenceError
from ringfence.hub.fleet import sites
from ringfence.hub.fleet.rotation_stages import GOING_BACK, UNDER_WAY
from ringfence.hub.people import rotations as rotations_of_api
from ringfence.hub.people.forms import Form, TheForm
from ringfence.hub.people.schemas.rotations import RotationOrder
from ringfence.hub.store.pbx_models import RotationRow
from ringfence.hub.telephony import rotations
from ringfence.hub.web import lists
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.page import TheFormPage, TheWebPage

router = APIRouter(prefix="/sip/rotations")

_LEAST_MINUTES, _MOST_MINUTES = 1, 24 * 60
_USUAL: Form = {"minutes": f"{rotations.PATIENCE_S / 60:g}"}
_CELLS: lists.Cells[RotationRow] = {
    "begun": lambda row: row.began_at,
    "phone": lambda row: row.mac,
    "pbx": lambda row: row.pbx_id,
    "stage": lambda row: row.stage,
}


@router.get("")
def list_rotations(page: TheWebPage) -> PageAnswer:
    """Show the last change of each phone's secrets, the newest first."""
    with page.hub.database.reading() as session:
        found = lists.cut(page, rotations.find(session), _CELLS)
    return page.show(
        "rotations/list.html", rows=found.rows, next=found.next, under_way=UNDER_WAY, going_back=GOING_BACK
    )


@router.get("/-/new")
def show_new_rotation(page: TheFormPage) -> PageAnswer:
    """Show the form that begins to change secrets; the address may name a site or a phone."""
    named = {name: page.query[name] for name in ("site", "phones") if name in page.query}
    return page.form("rotations/new.html", None, {**_USUAL, **named})


@router.post("/-/new")
def begin_rotations(page: TheFormPage, form: TheForm) -> Response:
    """Begin to change secrets at the PBX and on the phones."""
    try:
        minutes = page.number(form, "minutes", least=_LEAST_MINUTES, most=_MOST_MINUTES)
        site = form.get("site", "").strip()
        with page.hub.database.reading() as session:
            site_id = sites.get(session, site).id if site else None
        order = RotationOrder(phones=form.get("phones", "").split(), site=site_id, patience_s=minutes * 60)
        rotations_of_api.begin_rotation(order, page.hub, page.caller)
    except RingfenceError as fault:
        return page.refused("rotations/new.html", fault, form)
    return page.go("sip", "rotations", done="rotation-begun")
