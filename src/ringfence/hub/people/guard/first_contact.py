"""Phones that wait for approval, and the approval."""

from fastapi import APIRouter

from ringfence.hub.fleet.guard import alerts, first_contact
from ringfence.hub.people.callers import TheCaller, TheHub, ThePhone
from ringfence.hub.people.guard.alerts import alert_view
from ringfence.hub.people.pages import ThePage
from ringfence.hub.people.phones import phone_view
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.guard.alerts import GuardAlertView
from ringfence.hub.people.schemas.guard.first_contact import PhoneAcceptance
from ringfence.hub.people.schemas.phones import PhoneView

router = APIRouter()


@router.post("/phones/{mac}/accept", tags=["guard"])
def accept_phone(mac: ThePhone, body: PhoneAcceptance, hub: TheHub, caller: TheCaller) -> PhoneView:
    """Approve a phone: a known one, a replacement for another one, or a new one of a site."""
    acceptance = first_contact.Acceptance(body.instead_of, body.model, body.site, body.description)
    with hub.change(caller.name) as change:
        return phone_view(first_contact.accept(change, hub.sealer, mac, acceptance))


@router.get("/guard/waiting", tags=["guard"])
def list_waiting(hub: TheHub, _caller: TheCaller, page: ThePage, site: str | None = None) -> Items[GuardAlertView]:
    """List the phones that wait for approval, newest first."""
    with hub.database.reading() as session:
        return Items.of(alerts.find(session, page, site_id=site, kinds=alerts.WAITING).each(alert_view))
