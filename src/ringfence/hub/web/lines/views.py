"""Lines: the SIP accounts on a phone's keys."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from ringfence.errors import BadInput
from ringfence.hub.errors import ApprovalMissing
from ringfence.hub.fleet import lines, phones
from ringfence.hub.fleet.settings import SettingPlace
from ringfence.hub.people.callers import ThePhone
from ringfence.hub.people.forms import NO_FORM, Form, TheForm
from ringfence.hub.publishing import trial
from ringfence.hub.store.models import PhoneRow
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.marks import check_unchanged, mark
from ringfence.hub.web.page import TheFormPage
from ringfence.phones.settings.types import Scope
from ringfence.secret import Secret

router = APIRouter(prefix="/phones/{mac}/lines/{index}")

Index = Annotated[int, Path(ge=1, le=1000)]
_TEXTS = ("label", "name", "display_name", "auth_name")


@router.get("")
def show_line(mac: ThePhone, index: Index, page: TheFormPage) -> PageAnswer:
    """Show the form of a line, which may be a new one."""
    with page.hub.database.reading() as session:
        form = _values(phones.get(session, mac), index)
    return page.show(
        "lines/line.html", address=mac, index=index, is_new=not form, form=form, mark=mark(form), fault=None
    )


@router.post("")
def put_line(mac: ThePhone, index: Index, page: TheFormPage, form: TheForm) -> Response:
    """Add or change a line. Its password stays, or is generated, unless another one was typed."""
    password = form.get("password", "")
    parts = lines.LineParts(
        **{name: form.get(name, "") for name in _TEXTS}, password=Secret(password) if password else None
    )
    place = SettingPlace(Scope.PHONE, mac.bare)
    try:
        with page.hub.change(page.caller.name) as change, trial.keeps_phones(page.hub, change, place):
            check_unchanged(form, _values(phones.get(change.session, mac), index))
            lines.put(change, page.hub.sealer, mac, index, parts)
    except (BadInput, ApprovalMissing) as fault:
        kept = {**form, "password": ""}
        with page.hub.database.reading() as session:
            now = _values(phones.get(session, mac), index)
        return page.refused("lines/line.html", fault, kept, address=mac, index=index, is_new=not now, mark=mark(now))
    return page.go("phones", str(mac), done="saved")


@router.get("/remove")
def ask_to_remove(mac: ThePhone, index: Index, page: TheFormPage) -> PageAnswer:
    """Ask whether a line is to be removed."""
    with page.hub.database.reading() as session:
        return page.show("lines/remove.html", address=mac, line=lines.get(phones.get(session, mac), index))


@router.post("/remove")
def remove_line(mac: ThePhone, index: Index, page: TheFormPage) -> Response:
    """Remove a line."""
    with page.hub.change(page.caller.name) as change:
        lines.remove(change, page.hub.sealer, mac, index)
    return page.go("phones", str(mac), done="removed")


def _values(phone: PhoneRow, index: int) -> Form:
    """Return what a line is; nothing where there is none."""
    line = next((line for line in phone.lines if line.index == index), None)
    return {name: getattr(line, name) for name in _TEXTS} if line is not None else NO_FORM
