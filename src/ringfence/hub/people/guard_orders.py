"""What people order the guard to do: let phones in, shut them out, open windows, ban addresses, accept edges."""

from fastapi import APIRouter

from ringfence.hub.fleet.guard import edge_networks, first_contact, operator_actions
from ringfence.hub.people.callers import TheCaller, TheHub, ThePhone
from ringfence.hub.people.inventory import phone_of
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.guard import (
    AcceptedEdgeView,
    GuardBanView,
    GuardWindowView,
    NewGuardBan,
    NewGuardWindow,
    PhoneAcceptance,
)
from ringfence.hub.people.schemas.inventory import PhoneView
from ringfence.hub.store import guard_models
from ringfence.phones.mac import Mac

router = APIRouter()


@router.post("/phones/{mac}/accept", tags=["guard"])
def accept_phone(mac: ThePhone, body: PhoneAcceptance, hub: TheHub, caller: TheCaller) -> PhoneView:
    """Let a phone in: as it is, in the place of another phone, or as a new one of a site."""
    nod = first_contact.Acceptance(body.instead_of, body.model, body.site, body.description)
    with hub.change(caller.name) as change:
        return phone_of(first_contact.accept(change, hub.sealer, mac, nod))


@router.post("/phones/{mac}/block", tags=["guard"])
def block_phone(mac: ThePhone, hub: TheHub, caller: TheCaller) -> PhoneView:
    """Shut a phone out, wherever it asks."""
    with hub.change(caller.name) as change:
        return phone_of(operator_actions.block(change, mac))


@router.delete("/phones/{mac}/block", status_code=204, tags=["guard"])
def unblock_phone(mac: ThePhone, hub: TheHub, caller: TheCaller) -> None:
    """Let a phone in again."""
    with hub.change(caller.name) as change:
        operator_actions.unblock(change, mac)


@router.get("/guard/windows", tags=["guard"])
def list_windows(hub: TheHub, _caller: TheCaller) -> Items[GuardWindowView]:
    """List the provisioning windows whose time has not ended."""
    with hub.database.reading() as session:
        return Items(items=[_window(row) for row in operator_actions.windows(session, hub.clock())])


@router.put("/phones/{mac}/window", tags=["guard"])
def open_window(mac: ThePhone, body: NewGuardWindow, hub: TheHub, caller: TheCaller) -> GuardWindowView:
    """Let one phone take its file once, within some minutes, from where no wire proves it."""
    with hub.change(caller.name) as change:
        return _window(operator_actions.open_window(change, mac, body.lasts_s))


@router.delete("/phones/{mac}/window", status_code=204, tags=["guard"])
def close_window(mac: ThePhone, hub: TheHub, caller: TheCaller) -> None:
    """End a phone's window."""
    with hub.change(caller.name) as change:
        operator_actions.close_window(change, mac)


@router.get("/guard/bans", tags=["guard"])
def list_bans(hub: TheHub, _caller: TheCaller) -> Items[GuardBanView]:
    """List the addresses that people have shut out; an edge's own bans are in its reports."""
    with hub.database.reading() as session:
        return Items(items=[_ban(row) for row in operator_actions.bans(session, hub.clock())])


@router.post("/guard/bans", status_code=201, tags=["guard"])
def ban_address(body: NewGuardBan, hub: TheHub, caller: TheCaller) -> GuardBanView:
    """Leave an address unanswered for a time."""
    with hub.change(caller.name) as change:
        return _ban(operator_actions.ban(change, body.address, body.site, body.lasts_s, body.why))


@router.delete("/guard/bans/{address}", status_code=204, tags=["guard"])
def unban_address(address: str, hub: TheHub, caller: TheCaller) -> None:
    """End people's bans of an address."""
    with hub.change(caller.name) as change:
        operator_actions.unban(change, address)


@router.post("/edges/{edge}/accept", tags=["guard"])
def accept_edge(edge: str, hub: TheHub, caller: TheCaller) -> AcceptedEdgeView:
    """Let an edge stand where it connects from; what it held back for that, it gives out again."""
    with hub.change(caller.name) as change:
        return AcceptedEdgeView(edge=edge, networks=edge_networks.accept(change, edge))


def _window(row: guard_models.GuardWindowRow) -> GuardWindowView:
    return GuardWindowView(
        id=row.id, site=row.site_id, mac=str(Mac(row.mac)), who=row.who, opened_at=row.opened_at, until=row.until,
        bound_to=row.bound_to, used_at=row.used_at,
    )  # fmt: skip


def _ban(row: guard_models.GuardBanRow) -> GuardBanView:
    return GuardBanView(address=row.host, site=row.site_id, until=row.until, why=row.why, who=row.who)
