"""The caller's identity."""

from fastapi import APIRouter

from ringfence import __version__
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.schemas.whoami import CallerView

router = APIRouter()


@router.get("/whoami", tags=["access"])
def who_am_i(hub: TheHub, caller: TheCaller) -> CallerView:
    """Return who the caller is."""
    return CallerView(id=caller.id, name=caller.name, scope=caller.scope, hub=hub.config.name, version=__version__)
