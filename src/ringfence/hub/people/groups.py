"""Groups of phones."""

from fastapi import APIRouter

from ringfence.hub.fleet import groups
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.pages import ThePage
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.groups import GroupView, NewGroup
from ringfence.hub.store import models, pages

router = APIRouter()


@router.get("/groups", tags=["groups"])
def list_groups(hub: TheHub, _caller: TheCaller, page: ThePage) -> Items[GroupView]:
    """List the groups of phones."""
    with hub.database.reading() as session:
        return Items.of(pages.cut(groups.find(session), page).each(lambda found: _group(*found)))


@router.post("/groups", status_code=201, tags=["groups"])
def create_group(body: NewGroup, hub: TheHub, caller: TheCaller) -> GroupView:
    """Create a group of phones."""
    with hub.change(caller.name) as change:
        return _group(groups.create(change, body.name), 0)


@router.delete("/groups/{group}", status_code=204, tags=["groups"])
def remove_group(group: str, hub: TheHub, caller: TheCaller) -> None:
    """Remove a group that has no phones, and its settings."""
    with hub.change(caller.name) as change:
        groups.remove(change, group)


def _group(row: models.PhoneGroupRow, phones: int) -> GroupView:
    return GroupView(id=row.id, name=row.name, created_at=row.created_at, phones=phones)
