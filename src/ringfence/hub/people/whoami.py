"""The caller's identity."""

from fastapi import APIRouter

from ringfence import __version__
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.rights import older_word
from ringfence.hub.people.schemas import AccessScopeView
from ringfence.hub.people.schemas.whoami import CallerView

router = APIRouter()


@router.get("/whoami", tags=["access"])
def who_am_i(hub: TheHub, caller: TheCaller) -> CallerView:
    """Return who the caller is."""
    return CallerView(
        id=caller.id,
        name=caller.name,
        role=caller.role,
        scope=older_word(caller.role),
        organisation=caller.organisation_id,
        is_hubwide=caller.is_hubwide,
        limited_to=None if caller.scope is None else AccessScopeView.of(caller.scope.stored),
        hub=hub.config.name,
        version=__version__,
    )
