"""Phones that ask for the first time: a card for each, and what may be done about it."""

from fastapi import APIRouter, Response

from ringfence.errors import BadInput
from ringfence.hub.fleet.guard import alerts, first_contact
from ringfence.hub.people.callers import ThePhone
from ringfence.hub.people.forms import TheForm
from ringfence.hub.store.models import PhoneRow
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.page import TheFormPage, TheWebPage
from ringfence.hub.web.phones.changes import find_site, models_by_family

router = APIRouter()


@router.get("/guard/waiting")
def list_waiting(page: TheWebPage) -> PageAnswer:
    """Show the phones that wait for approval, newest first."""
    with page.hub.database.reading() as session:
        found = alerts.find(session, page.rows, site_id=page.query.get("site") or None, kinds=alerts.WAITING)
        return page.show("guard/waiting.html", rows=found.rows, next=found.next)


@router.get("/phones/{mac}/accept")
def show_acceptance(mac: ThePhone, page: TheFormPage) -> PageAnswer:
    """Show how a phone may be let in: as it is known, as a new one, or instead of another."""
    form = {name: page.query.get(name, "") for name in ("site", "model")}
    with page.hub.database.reading() as session:
        known = session.get(PhoneRow, mac.bare)
    return page.show("guard/accept.html", address=mac, known=known, form=form, fault=None, models=models_by_family())


@router.post("/phones/{mac}/accept")
def accept_phone(mac: ThePhone, page: TheFormPage, form: TheForm) -> Response:
    """Let a phone in."""
    try:
        with page.hub.change(page.caller.name) as change:
            known = change.session.get(PhoneRow, mac.bare)
            site = form.get("site", "").strip()
            instead_of = form.get("instead_of", "").strip()
            acceptance = first_contact.Acceptance(
                instead_of,
                "" if instead_of else form.get("model", ""),
                find_site(change.session, site) if site and not instead_of else "",
                form.get("description", ""),
            )
            wanted = first_contact.Acceptance() if known is not None else acceptance
            first_contact.accept(change, page.hub.sealer, mac, wanted)
    except BadInput as fault:
        return page.refused("guard/accept.html", fault, form, address=mac, known=None, models=models_by_family())
    return page.go("phones", str(mac), done="let-in")
