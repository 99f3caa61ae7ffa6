"""Organisations, for those who run the hub."""

from typing import Annotated

from fastapi import APIRouter, Query

from ringfence.hub.core import Hub
from ringfence.hub.fleet import organisation_use, organisations
from ringfence.hub.people.callers import TheCaller, TheHub, TheProvidersHub
from ringfence.hub.people.pages import ThePage
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.organisations import (
    LimitChanges,
    LimitsView,
    LimitView,
    NewOrganisation,
    OrganisationChanges,
    OrganisationView,
)
from ringfence.hub.store import pages

router = APIRouter(tags=["organisations"])

WithAll = Annotated[bool, Query(description="Whether its sites, phones and edges go too")]


@router.get("/organisations")
def list_organisations(hub: TheProvidersHub, _caller: TheCaller, page: ThePage) -> Items[OrganisationView]:
    """List the organisations."""
    with hub.database.reading() as session:
        return Items.of(pages.cut(organisations.find(session), page).each(_view))


@router.post("/organisations", status_code=201)
def create_organisation(body: NewOrganisation, hub: TheProvidersHub, caller: TheCaller) -> OrganisationView:
    """Create an organisation."""
    with hub.change(caller.name) as change:
        return _view(organisations.OrganisationCounts(organisations.create(change, body.id, body.name), 0, 0, 0))


@router.get("/organisations/-/limits")
def show_own_limits(hub: TheHub, caller: TheCaller) -> LimitsView:
    """Show what one's own organisation has and may have."""
    return _limits(hub, caller.organisation_id)


@router.get("/organisations/{organisation}")
def show_organisation(organisation: str, hub: TheProvidersHub, _caller: TheCaller) -> OrganisationView:
    """Show an organisation."""
    with hub.database.reading() as session:
        return _view(organisations.get(session, organisation))


@router.patch("/organisations/{organisation}")
def change_organisation(
    organisation: str, body: OrganisationChanges, hub: TheProvidersHub, caller: TheCaller
) -> OrganisationView:
    """Rename an organisation."""
    with hub.change(caller.name) as change:
        organisations.rename(change, organisation, body.name)
        return _view(organisations.get(change.session, organisation))


@router.delete("/organisations/{organisation}", status_code=204)
def remove_organisation(organisation: str, hub: TheProvidersHub, caller: TheCaller, with_all: WithAll = False) -> None:
    """Remove an organisation; its id, and those of its sites, are never used again."""
    with hub.change(caller.name) as change:
        organisations.remove(change, organisation, with_all=with_all)


@router.get("/organisations/{organisation}/limits")
def show_limits(organisation: str, hub: TheProvidersHub, _caller: TheCaller) -> LimitsView:
    """Show what an organisation has and may have."""
    return _limits(hub, organisation)


@router.patch("/organisations/{organisation}/limits")
def change_limits(organisation: str, body: LimitChanges, hub: TheProvidersHub, caller: TheCaller) -> LimitsView:
    """Limit what an organisation may have; what is there above a new limit stays."""
    with hub.change(caller.name) as change:
        organisation_use.limit(change, organisation, body.model_dump(exclude_unset=True))
    return _limits(hub, organisation)


def _limits(hub: Hub, organisation: str) -> LimitsView:
    with hub.database.reading() as session:
        found = organisation_use.find(session, organisation, hub.clock())
    views = [
        LimitView.model_validate({"limit": each.limit.word, "used": each.used, "most": each.most}) for each in found
    ]
    return LimitsView(organisation=organisation, limits=views)


def _view(found: organisations.OrganisationCounts) -> OrganisationView:
    row = found.organisation
    return OrganisationView(
        id=row.id, name=row.name, created_at=row.created_at, sites=found.sites, phones=found.phones, edges=found.edges
    )
