"""Blocks of phones."""

from fastapi import APIRouter

from ringfence.hub.fleet.guard import blocks
from ringfence.hub.people.callers import TheCaller, TheHub, ThePhone
from ringfence.hub.people.phones import phone_view
from ringfence.hub.people.schemas.phones import PhoneView

router = APIRouter()


@router.post("/phones/{mac}/block", tags=["guard"])
def block_phone(mac: ThePhone, hub: TheHub, caller: TheCaller) -> PhoneView:
    """Block a phone at every site."""
    with hub.change(caller.name) as change:
        return phone_view(blocks.block(change, mac))


@router.delete("/phones/{mac}/block", status_code=204, tags=["guard"])
def unblock_phone(mac: ThePhone, hub: TheHub, caller: TheCaller) -> None:
    """Unblock a phone."""
    with hub.change(caller.name) as change:
        blocks.unblock(change, mac)
