"""The hub itself: certificates, keys, room, and what to do first; for those who run it."""

from fastapi import APIRouter

from ringfence.hub.fleet import hub_health, hub_keys
from ringfence.hub.people.callers import TheProvidersHub
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.page import TheWebPage

router = APIRouter(prefix="/hub")


@router.get("")
def show_hub(page: TheWebPage, hub: TheProvidersHub) -> PageAnswer:
    """Show how the hub is."""
    return page.show(
        "hub/hub.html",
        health=hub_health.look(hub, page.now),
        config=hub.config,
        device_url=hub.device_url,
        jobs=hub.jobs.all(),
        keys=hub_keys.find(hub, page.now),
    )
