"""Concentrators: the other ends of boxes' tunnels."""

from fastapi import APIRouter

from ringfence.hub.core import Hub
from ringfence.hub.fleet import concentrators
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.pages import ThePage
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.concentrators import (
    ConcentratorChanges,
    ConcentratorView,
    NewConcentratorToken,
    NewConcentratorTokenView,
)
from ringfence.hub.store import pages
from ringfence.hub.store.network_models import ConcentratorRow
from ringfence.identity.tokens import TunnelToken

router = APIRouter()


@router.get("/concentrators", tags=["concentrators"])
def list_concentrators(hub: TheHub, _caller: TheCaller, page: ThePage) -> Items[ConcentratorView]:
    """List the concentrators, in the order in which boxes try them."""
    with hub.database.reading() as session:
        keys = (ConcentratorRow.position, ConcentratorRow.id)
        found = pages.read(session, concentrators.choose(), page, *keys)
        return Items.of(found.each(lambda row: _concentrator(hub, row)))


@router.post("/concentrators", status_code=201, tags=["concentrators"])
def create_concentrator_token(body: NewConcentratorToken, hub: TheHub, caller: TheCaller) -> NewConcentratorTokenView:
    """Create a one-time token, valid for 24 hours, for the concentrator with a name, which is new or enrols again."""
    with hub.change(caller.name) as change:
        row, token, secret = concentrators.create_token(change, body.name)
        if body.networks is not None:
            concentrators.allow(change, row.id, body.networks)
    text = TunnelToken(hub.device_url, hub.authority.fingerprint, secret, int(token.expires_at), row.name).to_text()
    return NewConcentratorTokenView(concentrator=_concentrator(hub, row), token=text, expires_at=token.expires_at)


@router.get("/concentrators/{concentrator}", tags=["concentrators"])
def show_concentrator(concentrator: str, hub: TheHub, _caller: TheCaller) -> ConcentratorView:
    """Show a concentrator, by its id or its name."""
    with hub.database.reading() as session:
        return _concentrator(hub, concentrators.get(session, concentrator))


@router.patch("/concentrators/{concentrator}", tags=["concentrators"])
def change_concentrator(
    concentrator: str, body: ConcentratorChanges, hub: TheHub, caller: TheCaller
) -> ConcentratorView:
    """Say which networks are routed to a concentrator, or its place among them; boxes go by it within a second."""
    with hub.change(caller.name) as change:
        return _concentrator(hub, concentrators.allow(change, concentrator, body.networks, body.position))


@router.delete("/concentrators/{concentrator}", status_code=204, tags=["concentrators"])
def remove_concentrator(concentrator: str, hub: TheHub, caller: TheCaller) -> None:
    """Remove a concentrator: its connection ends, and boxes go on with the others."""
    with hub.change(caller.name) as change:
        concentrators.remove(change, concentrator)
    hub.wakeups.wake_tunnels({hub.organisation_id})


@router.post("/concentrators/{concentrator}/rotate-key", tags=["concentrators"])
def rotate_key_of_concentrator(concentrator: str, hub: TheHub, caller: TheCaller) -> ConcentratorView:
    """Have a concentrator change its tunnel's key: it makes another, and uses it once boxes know it; calls go on."""
    with hub.change(caller.name) as change:
        row = concentrators.rotate_key(change, concentrator)
    hub.wakeups.wake_tunnels({hub.organisation_id})
    return _concentrator(hub, row)


def _concentrator(hub: Hub, row: ConcentratorRow) -> ConcentratorView:
    return ConcentratorView(
        id=row.id, name=row.name, position=row.position, networks=list(row.networks), created_at=row.created_at,
        enrolled_at=row.enrolled_at, connected=concentrators.is_connected(row, hub.clock()), told_at=row.told_at,
        certificate_ends_at=row.certificate_ends_at, hostname=row.hostname, version=row.version,
        endpoint=row.endpoint, public_key=row.public_key, next_public_key=row.next_public_key,
        key_changes=bool(row.next_public_key) or (bool(row.public_key) and row.retired_key == row.public_key),
        boxes=len(row.handshakes), newest_handshake_at=max(row.handshakes.values(), default=None),
    )  # fmt: skip
