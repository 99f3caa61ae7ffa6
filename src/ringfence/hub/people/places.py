"""Sites, their enrolment tokens, and edges."""

from fastapi import APIRouter

from ringfence.hub.core import Hub
from ringfence.hub.fleet import edges, sites
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.places import (
    EdgeRevocation,
    EdgeView,
    EnrolmentTokenView,
    NewEnrolmentTokenView,
    NewSite,
    SiteChanges,
    SiteView,
)
from ringfence.hub.store import models
from ringfence.identity.tokens import EnrolmentToken as TokenText

router = APIRouter()


@router.post("/sites", status_code=201, tags=["sites"])
def create_site(body: NewSite, hub: TheHub, caller: TheCaller) -> SiteView:
    """Make a site, with its own signed metadata repository."""
    with hub.change(caller.name) as change:
        site = sites.create(change, hub.signers, body.name, body.id)
        return _site(sites.SiteCounts(site, 0, 0))


@router.get("/sites", tags=["sites"])
def list_sites(hub: TheHub, _caller: TheCaller) -> Items[SiteView]:
    """List the sites by name."""
    with hub.database.reading() as session:
        return Items(items=[_site(found) for found in sites.counts(session)])


@router.get("/sites/{site}", tags=["sites"])
def show_site(site: str, hub: TheHub, _caller: TheCaller) -> SiteView:
    """Show one site."""
    with hub.database.reading() as session:
        (found,) = sites.counts(session, [sites.get(session, site).id])
        return _site(found)


@router.patch("/sites/{site}", tags=["sites"])
def rename_site(site: str, body: SiteChanges, hub: TheHub, caller: TheCaller) -> SiteView:
    """Give a site another name; its id stays."""
    with hub.change(caller.name) as change:
        sites.rename(change, site, body.name)
        (found,) = sites.counts(change.session, [site])
        return _site(found)


@router.delete("/sites/{site}", status_code=204, tags=["sites"])
def remove_site(site: str, hub: TheHub, caller: TheCaller) -> None:
    """Remove a site that has no phones and no edges."""
    with hub.change(caller.name) as change:
        sites.remove(change, site)


@router.post("/sites/{site}/tokens", status_code=201, tags=["enrolment"])
def create_token(site: str, hub: TheHub, caller: TheCaller) -> NewEnrolmentTokenView:
    """Make a one-time token, good for 24 hours, with which one edge joins the site. It is shown this once."""
    with hub.change(caller.name) as change:
        row, secret = edges.make_token(change, site)
        name = sites.get(change.session, site).name
    text = TokenText(hub.device_url, hub.authority.fingerprint, secret, int(row.expires_at), name).to_text()
    return NewEnrolmentTokenView(**_token(row).model_dump(), token=text)


@router.get("/sites/{site}/tokens", tags=["enrolment"])
def list_tokens(site: str, hub: TheHub, _caller: TheCaller) -> Items[EnrolmentTokenView]:
    """List a site's tokens and what became of them, the newest first."""
    with hub.database.reading() as session:
        return Items(items=[_token(row) for row in edges.find_tokens(session, site)])


@router.delete("/tokens/{token}", status_code=204, tags=["enrolment"])
def revoke_token(token: str, hub: TheHub, caller: TheCaller) -> None:
    """Revoke a token."""
    with hub.change(caller.name) as change:
        edges.revoke_token(change, token)


@router.get("/edges", tags=["edges"])
def list_edges(hub: TheHub, _caller: TheCaller, site: str | None = None) -> Items[EdgeView]:
    """List the edges, revoked ones too."""
    with hub.database.reading() as session:
        return Items(items=[_edge(hub, row) for row in edges.find(session, site)])


@router.get("/edges/{edge}", tags=["edges"])
def show_edge(edge: str, hub: TheHub, _caller: TheCaller) -> EdgeView:
    """Show one edge."""
    with hub.database.reading() as session:
        return _edge(hub, edges.get(session, edge))


@router.post("/edges/{edge}/revoke", tags=["edges"])
def revoke_edge(edge: str, body: EdgeRevocation, hub: TheHub, caller: TheCaller) -> EdgeView:
    """Let an edge in no more: its next request is refused and its stream ends."""
    with hub.change(caller.name) as change:
        row = edges.revoke(change, edge, wipe=body.wipe)
    hub.wakeups.wake_edges({edge})
    return _edge(hub, row)


def _site(found: sites.SiteCounts) -> SiteView:
    site = found.site
    return SiteView(
        id=site.id, name=site.name, created_at=site.created_at, phones=found.phones, edges=found.edges,
        release=site.newest_release,
    )  # fmt: skip


def _token(row: models.EnrolmentTokenRow) -> EnrolmentTokenView:
    return EnrolmentTokenView(
        id=row.id, site=row.site_id, created_at=row.created_at, created_by=row.created_by, expires_at=row.expires_at,
        used_at=row.used_at, edge=row.edge_id, revoked_at=row.revoked_at,
    )  # fmt: skip


def _edge(hub: Hub, row: models.EdgeRow) -> EdgeView:
    return EdgeView(
        id=row.id, site=row.site_id, hostname=row.hostname, version=row.version, enrolled_at=row.enrolled_at,
        last_seen=row.last_seen_at, connected=edges.is_connected(row, hub.clock()), release=row.release,
        fetched_bytes=row.fetched_bytes, fetching_bytes=row.fetching_bytes,
        certificate_ends_at=row.certificate_ends_at, revoked_at=row.revoked_at, wipe=row.wipe,
    )  # fmt: skip
