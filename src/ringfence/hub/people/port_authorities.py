"""CAs whose certificates 802.1X accepts on the phone's port of boxes."""

from fastapi import APIRouter

from ringfence.hub.fleet import port_authorities
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.pages import ThePage
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.port_authorities import NewPortAuthority, PortAuthorityView
from ringfence.hub.store.network_models import PortAuthorityRow

router = APIRouter()


@router.get("/port-authorities", tags=["port-authorities"])
def list_port_authorities(hub: TheHub, _caller: TheCaller, page: ThePage) -> Items[PortAuthorityView]:
    """List the CAs."""
    with hub.database.reading() as session:
        return Items.of(port_authorities.find(session, page).each(_authority))


@router.post("/port-authorities", status_code=201, tags=["port-authorities"])
def add_port_authority(body: NewPortAuthority, hub: TheHub, caller: TheCaller) -> PortAuthorityView:
    """Add a phone manufacturer's CA: phones with a certificate of it pass 802.1X at sites that ask for it."""
    with hub.change(caller.name) as change:
        return _authority(port_authorities.add(change, body.pem))


@router.delete("/port-authorities/{authority}", status_code=204, tags=["port-authorities"])
def remove_port_authority(authority: str, hub: TheHub, caller: TheCaller) -> None:
    """Remove a CA: what it issued is accepted no more."""
    with hub.change(caller.name) as change:
        port_authorities.remove(change, authority)


def _authority(row: PortAuthorityRow) -> PortAuthorityView:
    return PortAuthorityView(
        id=row.id, subject=row.subject, fingerprint=row.fingerprint, ends_at=row.ends_at, added_at=row.added_at,
        added_by=row.added_by,
    )  # fmt: skip
