"""Sites."""

from typing import Annotated

from fastapi import APIRouter, Query

from ringfence.hub.fleet import sites
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.pages import ThePage
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.sites import NewSite, SiteChanges, SiteView
from ringfence.hub.store import models, pages

router = APIRouter()


@router.post("/sites", status_code=201, tags=["sites"])
def create_site(body: NewSite, hub: TheHub, caller: TheCaller) -> SiteView:
    """Create a site, with its own signed metadata repository."""
    with hub.change(caller.name) as change:
        site = sites.create(change, hub.signers, body.name, body.id, hub.endpoints)
        return _site(sites.SiteCounts(site, 0, 0))


@router.get("/sites", tags=["sites"])
def list_sites(
    hub: TheHub,
    _caller: TheCaller,
    page: ThePage,
    search: Annotated[str | None, Query(max_length=100, description="Part of an id or name")] = None,
) -> Items[SiteView]:
    """List the sites by name."""
    with hub.database.reading() as session:
        found = pages.read(session, sites.choose(search), page, models.SiteRow.name_key)
        return Items(items=[_site(each) for each in sites.with_counts(session, found.rows)], next=found.next)


@router.get("/sites/{site}", tags=["sites"])
def show_site(site: str, hub: TheHub, _caller: TheCaller) -> SiteView:
    """Show a site."""
    with hub.database.reading() as session:
        (found,) = sites.with_counts(session, [sites.get(session, site)])
        return _site(found)


@router.patch("/sites/{site}", tags=["sites"])
def change_site(site: str, body: SiteChanges, hub: TheHub, caller: TheCaller) -> SiteView:
    """Rename a site, whose id stays the same, or change for how long firmware waits for its edges."""
    with hub.change(caller.name) as change:
        if body.name is not None:
            sites.rename(change, site, body.name)
        if body.firmware_waits_s is not None:
            sites.wait_for_edges(change, site, body.firmware_waits_s)
        (found,) = sites.with_counts(change.session, [sites.get(change.session, site)])
        return _site(found)


@router.delete("/sites/{site}", status_code=204, tags=["sites"])
def remove_site(site: str, hub: TheHub, caller: TheCaller) -> None:
    """Remove a site that has no phones and no edges."""
    with hub.change(caller.name) as change:
        sites.remove(change, site)


def _site(found: sites.SiteCounts) -> SiteView:
    site = found.site
    return SiteView(
        id=site.id, name=site.name, created_at=site.created_at, phones=found.phones, edges=found.edges,
        release=site.newest_release, firmware_waits_s=site.firmware_waits_s, held_since=site.held_at,
        held_by=site.held_by, held_why=site.held_why,
    )  # fmt: skip
