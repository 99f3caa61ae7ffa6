"""Edges: the enrolled boxes."""

from fastapi import APIRouter

from ringfence.hub.core import Hub
from ringfence.hub.fleet import edge_addresses, edge_certificates, edges
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.pages import ThePage
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.edges import EdgeRevocation, EdgeView
from ringfence.hub.recovery import hub_memory
from ringfence.hub.store import models, pages

router = APIRouter()


@router.get("/edges", tags=["edges"])
def list_edges(hub: TheHub, _caller: TheCaller, page: ThePage, site: str | None = None) -> Items[EdgeView]:
    """List the edges, including revoked ones."""
    of = models.EdgeRow
    with hub.database.reading() as session:
        found = pages.read(session, edges.choose(session, site), page, of.site_id, of.enrolled_at, of.id)
        return Items.of(found.each(lambda row: _edge(hub, row)))


@router.get("/edges/{edge}", tags=["edges"])
def show_edge(edge: str, hub: TheHub, _caller: TheCaller) -> EdgeView:
    """Show an edge."""
    with hub.database.reading() as session:
        return _edge(hub, edges.get(session, edge))


@router.post("/edges/{edge}/revoke", tags=["edges"])
def revoke_edge(edge: str, body: EdgeRevocation, hub: TheHub, caller: TheCaller) -> EdgeView:
    """Revoke an edge: its connection ends, its requests are refused, and it gives out no more secrets."""
    with hub.change(caller.name) as change:
        row = edges.revoke(change, edge, wipe=body.wipe, keeps_serving=body.keeps_serving)
        hub_memory.note(change, hub.sealer)
    hub.wakeups.wake_edges({edge})
    return _edge(hub, row)


@router.post("/edges/{edge}/readmit", tags=["edges"])
def readmit_edge(edge: str, hub: TheHub, caller: TheCaller) -> EdgeView:
    """Let in an edge that was enrolled after the copy from which the hub was restored."""
    with hub.change(caller.name) as change:
        return _edge(hub, edge_certificates.readmit(change, edge))


def _edge(hub: Hub, row: models.EdgeRow) -> EdgeView:
    return EdgeView(
        id=row.id, site=row.site_id, hostname=row.hostname, version=row.version, enrolled_at=row.enrolled_at,
        last_seen=row.last_seen_at, connected=edges.is_connected(row, hub.clock()), release=row.release,
        fetched_bytes=row.fetched_bytes, fetching_bytes=row.fetching_bytes,
        certificate_ends_at=row.certificate_ends_at, revoked_at=row.revoked_at, wipe=row.wipe,
        keeps_serving=row.keeps_serving, told_at=row.standing_at, problem=row.problem, problem_text=row.problem_text,
        problem_since=row.problem_since, clock_off_s=row.clock_off_s, disk_free_bytes=row.disk_free_bytes,
        http_addresses=edge_addresses.addresses(row), jobs_allowed=row.jobs_allowed.split(),
        jobs_problem=row.jobs_problem, mode=row.mode_told,
    )  # fmt: skip
