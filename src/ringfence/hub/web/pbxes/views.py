"""PBXes that the hub talks to."""

from fastapi import APIRouter, Response

from ringfence.errors import BadInput, RingfenceError
from ringfence.hub.fleet import pbxes
from ringfence.hub.people.forms import TheForm
from ringfence.hub.store.pbx_models import PbxRow
from ringfence.hub.telephony import links
from ringfence.hub.web import lists
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.page import FieldRefused, TheFormPage, TheWebPage
from ringfence.secret import Secret

router = APIRouter(prefix="/pbxes")

_CELLS: lists.Cells[PbxRow] = {
    "pbx": lambda row: row.id,
    "kind": lambda row: row.kind,
    "realm": lambda row: row.realm,
}


@router.get("")
def list_pbxes(page: TheWebPage) -> PageAnswer:
    """Show the PBXes."""
    with page.hub.database.reading() as session:
        found = lists.cut(page, pbxes.find(session), _CELLS)
    return page.show("pbxes/list.html", rows=[(row, pbxes.warning(row)) for row in found.rows], next=found.next)


@router.get("/-/new")
def show_new_pbx(page: TheFormPage) -> PageAnswer:
    """Show the form for a new PBX."""
    return page.show("pbxes/new.html", form={}, fault=None)


@router.post("/-/new")
def add_pbx(page: TheFormPage, form: TheForm) -> Response:
    """Add a PBX."""
    try:
        match form.get("kind", ""):
            case "kamailio" | "asterisk" as kind:
                pass
            case other:
                raise FieldRefused("kind", f"there is no kind of PBX {other[:40]!r}", to_do="Choose one.")
        with page.hub.change(page.caller.name) as change:
            pbxes.add(
                change, page.hub.sealer, form.get("name", ""), kind, form.get("url", "").strip(), form.get("user", ""),
                Secret(form.get("secret", "")), form.get("realm", ""), form.get("sip_servers", "").split(),
                trust=form.get("trust", ""), networks=page.hub.config.pbx_networks,
                allows_clear_text=form.get("allow_clear_text", "") == "yes",
            )  # fmt: skip
    except BadInput as fault:
        return page.refused("pbxes/new.html", fault, {**form, "secret": ""})
    return page.go("pbxes", done="created")


@router.get("/{pbx}/check")
def show_check(pbx: str, page: TheFormPage) -> PageAnswer:
    """Show the form that asks a PBX whether it answers."""
    with page.hub.database.reading() as session:
        return page.show("pbxes/check.html", pbx=pbxes.get(session, pbx), version="", fault=None)


@router.post("/{pbx}/check")
def check_pbx(pbx: str, page: TheFormPage) -> PageAnswer:
    """Ask a PBX for its version."""
    with page.hub.database.reading() as session:
        row = pbxes.get(session, pbx)
    try:
        version = links.link(page.hub, row).check()
    except RingfenceError as fault:
        return page.refused("pbxes/check.html", fault, pbx=row, version="")
    return page.show("pbxes/check.html", pbx=row, version=version, fault=None)


@router.get("/{pbx}/remove")
def ask_to_remove(pbx: str, page: TheFormPage) -> PageAnswer:
    """Ask whether a PBX is to be removed."""
    with page.hub.database.reading() as session:
        return page.show("pbxes/remove.html", pbx=pbxes.get(session, pbx), fault=None)


@router.post("/{pbx}/remove")
def remove_pbx(pbx: str, page: TheFormPage) -> Response:
    """Remove a PBX."""
    with page.hub.database.reading() as session:
        row = pbxes.get(session, pbx)
    return page.change(
        lambda change: pbxes.remove(change, pbx),
        lambda fault: page.refused("pbxes/remove.html", fault, pbx=row),
        "pbxes", done="removed",
    )  # fmt: skip
