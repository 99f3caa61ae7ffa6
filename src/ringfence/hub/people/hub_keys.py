"""The hub's own keys, for those who run it."""

from fastapi import APIRouter

from ringfence.hub.fleet import hub_keys
from ringfence.hub.fleet.hub_keys import StandingKey
from ringfence.hub.people.callers import TheCaller, TheProvidersHub
from ringfence.hub.people.pages import ThePage
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.hub_keys import HubKeyRetirement, HubKeyRotation, HubKeysRetired, HubKeyView
from ringfence.hub.store import pages

router = APIRouter(tags=["hub-keys"])


@router.get("/hub-keys")
def list_hub_keys(hub: TheProvidersHub, _caller: TheCaller, page: ThePage) -> Items[HubKeyView]:
    """List every key of the hub: what it is for, its age, its end, and what is done with it next."""
    return Items.of(pages.cut(hub_keys.find(hub, hub.clock()), page).each(_view))


@router.post("/hub-keys/sealing/retire")
def retire_sealing_keys(body: HubKeyRetirement, hub: TheProvidersHub, caller: TheCaller) -> HubKeysRetired:
    """Remove the sealing keys before the newest, once nothing is sealed by them any more."""
    return HubKeysRetired(retired=hub_keys.retire(hub, caller.name, leaves_broken=body.leave_broken))


@router.post("/hub-keys/{key}/rotate")
def rotate_hub_key(key: str, body: HubKeyRotation, hub: TheProvidersHub, caller: TheCaller) -> HubKeyView:
    """Put a new key in the place of one; what the old one signed or sealed follows in the background."""
    with hub.change(caller.name) as change:
        hub_keys.rotate(change, hub, key, alone=body.alone)
    return next(_view(each) for each in hub_keys.find(hub, hub.clock()) if each.key == key)


def _view(found: StandingKey) -> HubKeyView:
    return HubKeyView(
        key=found.key, meaning=found.meaning, algorithm=found.algorithm, fingerprint=found.fingerprint,
        kept_in=found.kept_in, made_at=found.made_at, ends_at=found.ends_at, waiting=found.waiting,
        next_step=found.next_step, problem=found.problem,
    )  # fmt: skip
