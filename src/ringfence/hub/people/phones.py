"""Phones: what they are, what they are doing, and telling them to reload."""

from typing import Annotated

from fastapi import APIRouter, Query

from ringfence.hub.fleet import (
    due_orders,
    observations,
    phone_removal,
    phones,
)
from ringfence.hub.fleet.settings import SettingPlace
from ringfence.hub.people.callers import TheCaller, TheHub, ThePhone
from ringfence.hub.people.lines import line_view
from ringfence.hub.people.pages import ThePage
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.phones import (
    NewPhone,
    PhoneChanges,
    PhoneOrderView,
    PhoneReloadOrder,
    PhoneReloadView,
    PhoneStatusView,
    PhoneView,
    SentenceView,
)
from ringfence.hub.publishing import trial
from ringfence.hub.store import models, pages
from ringfence.hub.telephony import links, reload_by_pbx
from ringfence.phones.families import model as model_of
from ringfence.phones.mac import Mac
from ringfence.phones.settings.types import Scope

router = APIRouter()

Search = Annotated[
    str | None, Query(max_length=100, description="Part of an address, description, model, site, or a line's name")
]


@router.post("/phones", status_code=201, tags=["phones"])
def add_phone(body: NewPhone, hub: TheHub, caller: TheCaller) -> PhoneView:
    """Add a phone to a site; its MAC address is unique in the whole hub."""
    with hub.change(caller.name) as change:
        return phone_view(phones.add(change, Mac.parse(body.mac), body.site, body.model, body.description))


@router.get("/phones", tags=["phones"])
def list_phones(
    hub: TheHub,
    _caller: TheCaller,
    page: ThePage,
    site: str | None = None,
    group: str | None = None,
    search: Search = None,
) -> Items[PhoneView]:
    """List the phones, by address."""
    with hub.database.reading() as session:
        chosen = phones.choose(session, site, group, search)
        return Items.of(pages.read(session, chosen, page, models.PhoneRow.mac).each(phone_view))


@router.get("/phones/status", tags=["phones"])
def observe_phones(
    hub: TheHub,
    _caller: TheCaller,
    page: ThePage,
    site: str | None = None,
    search: Search = None,
    problems: Annotated[bool, Query(description="Only phones that something is wrong with")] = False,
) -> Items[PhoneStatusView]:
    """Report what each phone is doing, by address; PBXes are not asked.

    With ``problems`` a page may be short: go on as long as there is a next one.
    """
    with hub.database.reading() as session:
        chosen = phones.choose(session, site, search=search)
        found = pages.read(session, chosen, page, models.PhoneRow.mac)
        observed = observations.observe_all(hub, session, found.rows)
        kept = [_observed(each) for each in observed if not problems or each.is_problem]
        return Items(items=kept, next=found.next)


@router.get("/phones/orders", tags=["phones"])
def list_orders(
    hub: TheHub,
    _caller: TheCaller,
    page: ThePage,
    site: str | None = None,
    waiting: Annotated[bool, Query(description="Only phones that are still to be told")] = False,
) -> Items[PhoneOrderView]:
    """List which phones without an edge are told of their newest release through their PBX, by address."""
    with hub.database.reading() as session:
        return Items.of(due_orders.find(session, page, site=site, only_waiting=waiting).each(_order_view))


@router.get("/phones/{mac}/status", tags=["phones"])
def observe_phone(mac: ThePhone, hub: TheHub, _caller: TheCaller) -> PhoneStatusView:
    """Report what a phone is doing; its PBX is asked whether it is registered."""
    return _observed(observations.observe_one(hub, mac, registered=links.is_registered(hub, mac)))


@router.post("/phones/{mac}/reload", tags=["phones"])
def reload_phone(mac: ThePhone, body: PhoneReloadOrder, hub: TheHub, caller: TheCaller) -> PhoneReloadView:
    """Send a phone an order to fetch its configuration now: through its PBX, or its edge if it is behind NAT there."""
    told = reload_by_pbx.tell(hub, mac, body.action)
    with hub.change(caller.name) as change:
        change.note("phone.reload", str(mac), f"{body.action} through {told.pbx}")
    return PhoneReloadView(pbx=told.pbx, contacts=list(told.contacts), in_room=told.in_room)


@router.get("/phones/{mac}", tags=["phones"])
def show_phone(mac: ThePhone, hub: TheHub, _caller: TheCaller) -> PhoneView:
    """Show a phone."""
    with hub.database.reading() as session:
        return phone_view(phones.get(session, mac))


@router.patch("/phones/{mac}", tags=["phones"])
def change_phone(mac: ThePhone, body: PhoneChanges, hub: TheHub, caller: TheCaller) -> PhoneView:
    """Change a phone's site, group, model, description or known firmware."""
    place = SettingPlace(Scope.PHONE, mac.bare)
    with hub.change(caller.name) as change, trial.keeps_phones(hub, change, place):
        parts = phones.PhoneParts(body.site, body.model, body.description, body.group, body.running_load)
        return phone_view(phones.change(change, mac, parts))


@router.delete("/phones/{mac}", status_code=204, tags=["phones"])
def remove_phone(
    mac: ThePhone,
    hub: TheHub,
    caller: TheCaller,
    keeps_list: Annotated[
        bool, Query(description="Also if it may hold a trust list or a profile's key of this organisation")
    ] = False,
) -> None:
    """Remove a phone; the next publish removes its files."""
    with hub.change(caller.name) as change:
        if not keeps_list:
            phone_removal.check(change.session, mac)
        phones.remove(change, mac)


def phone_view(row: models.PhoneRow) -> PhoneView:
    """Return a phone in the API's form."""
    return PhoneView(
        mac=str(Mac(row.mac)), site=row.site_id, model=row.model, family=model_of(row.model)[0].id, group=row.group_id,
        description=row.description, running_load=row.running_load, named_load=row.named_load,
        blocked=row.blocked, created_at=row.created_at, lines=[line_view(line) for line in row.lines],
    )  # fmt: skip


def _order_view(each: due_orders.DueOrder) -> PhoneOrderView:
    row = each.row
    return PhoneOrderView(
        mac=str(Mac(row.mac)), site=each.site_id, release=row.release, state=each.state, due_at=row.due_at,
        told_at=row.told_at, fetched_at=each.fetched_at, tries=row.tries, detail=row.detail,
    )  # fmt: skip


def _observed(each: observations.ObservedPhone) -> PhoneStatusView:
    return PhoneStatusView(
        mac=str(Mac(each.phone.mac)), site=each.phone.site_id, model=each.phone.model,
        description=each.phone.description,
        sentences=[
            SentenceView(urgency=sentence.urgency.name.lower(), word=sentence.word, text=sentence.text)
            for sentence in each.sentences
        ],
    )  # fmt: skip
