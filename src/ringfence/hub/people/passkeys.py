"""Passkeys of people: list and remove. People add their own on their page, as only their browser can."""

from fastapi import APIRouter

from ringfence.hub.core import Hub
from ringfence.hub.fleet import passkeys, people, sessions
from ringfence.hub.fleet.relying_party import host_of
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.pages import ThePage
from ringfence.hub.people.rights import Role, check_no_more
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.passkeys import PasskeyView
from ringfence.hub.store.people_models import PasskeyRow

router = APIRouter(tags=["access"])


@router.get("/people/{person}/passkeys")
def list_passkeys(person: str, hub: TheHub, caller: TheCaller, page: ThePage) -> Items[PasskeyView]:
    """List somebody's passkeys."""
    with hub.database.reading() as session:
        owner = people.get(session, person, hubwide_too=caller.is_hubwide)
        return Items.of(passkeys.find(session, owner, page).each(lambda row: _passkey(row, hub)))


@router.delete("/people/{person}/passkeys/{passkey}", status_code=204)
def remove_passkey(person: str, passkey: str, hub: TheHub, caller: TheCaller) -> None:
    """Remove a passkey of somebody, and end their sessions: it may be stolen."""
    with hub.change(caller.name) as change:
        owner = people.get(change.session, person, hubwide_too=caller.is_hubwide)
        check_no_more(caller.role, Role(owner.role))
        passkeys.remove(change, passkeys.get(change.session, owner, passkey))
        sessions.end_all(change, owner)


def _passkey(row: PasskeyRow, hub: Hub) -> PasskeyView:
    return PasskeyView(
        id=row.id, name=row.name, host=row.rp_id, is_usable=row.rp_id == host_of(hub.people_url),
        is_synced=row.is_synced, created_at=row.created_at, last_used_at=row.last_used_at,
    )  # fmt: skip
