"""Phones and lines."""

from typing import Annotated

from fastapi import APIRouter, Path

from ringfence.hub.fleet import (
    bulk,
    lines,
    observations,
    phones,
)
from ringfence.hub.people.callers import TheCaller, TheHub, ThePhone
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.inventory import (
    BulkOrder,
    BulkOutcomeView,
    BulkRefusalView,
    LineChanges,
    LineView,
    NewPhone,
    PasswordView,
    PhoneChanges,
    PhoneReloadOrder,
    PhoneReloadView,
    PhoneStatusView,
    PhoneView,
    SentenceView,
)
from ringfence.hub.store import models
from ringfence.hub.telephony import reload_by_pbx
from ringfence.phones.families import model as model_of
from ringfence.phones.mac import Mac
from ringfence.secret import Secret

router = APIRouter()

Index = Annotated[int, Path(ge=1, le=1000, description="The line's key, from 1")]


@router.post("/phones", status_code=201, tags=["phones"])
def add_phone(body: NewPhone, hub: TheHub, caller: TheCaller) -> PhoneView:
    """Add a phone to a site; its MAC address is unique in the whole hub."""
    with hub.change(caller.name) as change:
        return phone_of(phones.add(change, Mac.parse(body.mac), body.site, body.model, body.description))


@router.get("/phones", tags=["phones"])
def list_phones(hub: TheHub, _caller: TheCaller, site: str | None = None, group: str | None = None) -> Items[PhoneView]:
    """List the phones."""
    with hub.database.reading() as session:
        return Items(items=[phone_of(row) for row in phones.find(session, site, group)])


@router.post("/phones/bulk", tags=["phones"])
def take_many(body: BulkOrder, hub: TheHub, caller: TheCaller) -> BulkOutcomeView:
    """Make or change many phones with lines and settings: all of them, or none and every reason why."""
    items = [
        bulk.BulkPhone(
            phone.mac, phone.site, phone.model, phone.description, phone.group, phone.settings,
            [
                bulk.BulkLine(
                    line.index,
                    lines.LineParts(
                        line.label, line.name, line.display_name, line.auth_name,
                        None if line.password is None else Secret(line.password),
                    ),
                    line.settings,
                    line.row,
                )
                for line in phone.lines
            ],
            phone.row,
        )
        for phone in body.phones
    ]  # fmt: skip
    done = bulk.take(hub, caller.name, items, site_settings=body.site_settings, dry_run=body.dry_run)
    return BulkOutcomeView(
        kept=not (done.refusals or body.dry_run), added=done.added, changed=done.changed, sites_made=done.sites_made,
        refusals=[
            BulkRefusalView(
                row=each.row, column=each.column, what=each.fault.what, where=each.fault.where, to_do=each.fault.to_do
            )
            for each in done.refusals
        ],
    )  # fmt: skip


@router.get("/phones/status", tags=["phones"])
def observe_phones(hub: TheHub, _caller: TheCaller, site: str | None = None) -> Items[PhoneStatusView]:
    """Say of each phone what it is doing, the most urgent first; PBXes are not asked."""
    with hub.database.reading() as session:
        return Items(items=[_observed(each) for each in observations.observe_all(hub, session, site)])


@router.get("/phones/{mac}/status", tags=["phones"])
def observe_phone(mac: ThePhone, hub: TheHub, _caller: TheCaller) -> PhoneStatusView:
    """Say what one phone is doing; its PBX is asked whether it is registered."""
    return _observed(observations.observe_one(hub, mac))


@router.post("/phones/{mac}/reload", tags=["phones"])
def reload_phone(mac: ThePhone, body: PhoneReloadOrder, hub: TheHub, caller: TheCaller) -> PhoneReloadView:
    """Tell a phone through its PBX to fetch its configuration again, now."""
    told = reload_by_pbx.tell(hub, mac, body.action)
    with hub.change(caller.name) as change:
        change.note("phone.reload", str(mac), f"{body.action} through {told.pbx}")
    return PhoneReloadView(pbx=told.pbx, contacts=list(told.contacts))


@router.get("/phones/{mac}", tags=["phones"])
def show_phone(mac: ThePhone, hub: TheHub, _caller: TheCaller) -> PhoneView:
    """Show one phone."""
    with hub.database.reading() as session:
        return phone_of(phones.get(session, mac))


@router.patch("/phones/{mac}", tags=["phones"])
def change_phone(mac: ThePhone, body: PhoneChanges, hub: TheHub, caller: TheCaller) -> PhoneView:
    """Move a phone, correct its model, describe it anew, put it into a group or take it out."""
    with hub.change(caller.name) as change:
        parts = phones.PhoneParts(body.site, body.model, body.description, body.group, body.running_load)
        return phone_of(phones.change(change, mac, parts))


@router.delete("/phones/{mac}", status_code=204, tags=["phones"])
def remove_phone(mac: ThePhone, hub: TheHub, caller: TheCaller) -> None:
    """Remove a phone; its file goes with the next publish."""
    with hub.change(caller.name) as change:
        phones.remove(change, mac)


@router.get("/phones/{mac}/lines", tags=["lines"])
def list_lines(mac: ThePhone, hub: TheHub, _caller: TheCaller) -> Items[LineView]:
    """List a phone's lines."""
    with hub.database.reading() as session:
        return Items(items=[_line(row) for row in phones.get(session, mac).lines])


@router.put("/phones/{mac}/lines/{index}", tags=["lines"])
def put_line(mac: ThePhone, index: Index, body: LineChanges, hub: TheHub, caller: TheCaller) -> LineView:
    """Make a line or change it. A phone's first line gets a generated password, which its other lines share."""
    parts = lines.LineParts(
        label=body.label, name=body.name, display_name=body.display_name, auth_name=body.auth_name,
        password=None if body.password is None else Secret(body.password),
    )  # fmt: skip
    with hub.change(caller.name) as change:
        return _line(lines.put(change, hub.sealer, mac, index, parts))


@router.delete("/phones/{mac}/lines/{index}", status_code=204, tags=["lines"])
def remove_line(mac: ThePhone, index: Index, hub: TheHub, caller: TheCaller) -> None:
    """Remove a line."""
    with hub.change(caller.name) as change:
        lines.remove(change, hub.sealer, mac, index)


@router.post("/phones/{mac}/lines/{index}/password/reveal", tags=["lines"])
def reveal_password(mac: ThePhone, index: Index, hub: TheHub, caller: TheCaller) -> PasswordView:
    """Show the SIP password that a line registers with; that it was asked for is in the audit log."""
    with hub.change(caller.name) as change:
        return PasswordView(password=lines.reveal(change, hub.sealer, mac, index).reveal())


@router.post("/phones/{mac}/lines/{index}/password/rotate", tags=["lines"])
def rotate_password(mac: ThePhone, index: Index, hub: TheHub, caller: TheCaller) -> LineView:
    """Give a line a new generated password; the PBX needs it too."""
    with hub.change(caller.name) as change:
        return _line(lines.rotate(change, hub.sealer, mac, index))


def phone_of(row: models.PhoneRow) -> PhoneView:
    """Return a phone as the API tells of it."""
    return PhoneView(
        mac=str(Mac(row.mac)), site=row.site_id, model=row.model, family=model_of(row.model)[0].id, group=row.group_id,
        description=row.description, running_load=row.running_load, named_load=row.named_load,
        created_at=row.created_at, lines=[_line(line) for line in row.lines],
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


def _line(row: models.LineRow) -> LineView:
    return LineView(
        index=row.index, label=row.label, name=row.name, display_name=row.display_name, auth_name=row.auth_name
    )
