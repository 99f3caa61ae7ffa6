"""Boxes: edges with a port of their own for the phone."""

from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session

from ringfence.hub.fleet import box_numbering, boxes
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.pages import ThePage
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.boxes import BoxFindingView, BoxTunnelView, BoxView, PortEntryView, Renumbering
from ringfence.hub.store import pages
from ringfence.hub.store.models import EdgeRow, SiteRow
from ringfence.hub.store.network_models import BoxRow
from ringfence.phones.mac import Mac

router = APIRouter()


@router.get("/boxes", tags=["boxes"])
def list_boxes(hub: TheHub, _caller: TheCaller, page: ThePage, site: str | None = None) -> Items[BoxView]:
    """List the boxes that are not revoked, with what they told last."""
    with hub.database.reading() as session:
        found = pages.read(session, boxes.choose(session, site), page, BoxRow.site_id, BoxRow.edge_id)
        return Items.of(found.each(lambda box: _box(session, box)))


@router.get("/boxes/{edge}", tags=["boxes"])
def show_box(edge: str, hub: TheHub, _caller: TheCaller) -> BoxView:
    """Show a box: its subnet, and what it told last of its port, its networks and its tunnels."""
    with hub.database.reading() as session:
        _edge, box = boxes.get(session, edge)
        return _box(session, box)


@router.post("/boxes/{edge}/renumber", tags=["boxes"])
def renumber_box(edge: str, hub: TheHub, caller: TheCaller, body: Renumbering | None = None) -> BoxView:
    """Give a box another subnet, which the hub chooses unless one is named; its phones' calls end."""
    with hub.change(caller.name) as change:
        row, _box_before = boxes.get(change.session, edge)
        pool = hub.config.box_pool_of(hub.organisation_id)
        if body is not None and body.subnet:
            box = box_numbering.assign(change, row, pool, body.subnet)
        else:
            box = box_numbering.number(change, row, pool, is_asked=True)
        return _box(change.session, box)


@router.post("/boxes/{edge}/rotate-key", tags=["boxes"])
def rotate_key_of_box(edge: str, hub: TheHub, caller: TheCaller) -> BoxView:
    """Have a box change its tunnel's key: it makes another, and uses it once concentrators know it; calls go on."""
    with hub.change(caller.name) as change:
        return _box(change.session, boxes.rotate_key(change, edge))


def _box(session: Session, box: BoxRow) -> BoxView:
    edge, site = session.get_one(EdgeRow, box.edge_id), session.get_one(SiteRow, box.site_id)
    told: dict[str, Any] = box.standing  # Any: a message in JSON's types, as ``boxes.bounded`` has left it
    return BoxView(
        edge=box.edge_id, site=box.site_id, hostname=edge.hostname, subnet=box.subnet, subnet_since=box.subnet_since,
        subnet_problem=box.subnet_problem, told_at=box.told_at, version=site.guard_version,
        rules_version=told.get("rules_version", 0), uplink_networks=list(box.uplink_networks),
        links=told.get("links", {}), devices=[str(Mac(each)) for each in told.get("devices", ())],
        entries=[PortEntryView(**{**each, "mac": str(Mac(each["mac"]))}) for each in told.get("entries", ())],
        findings=[BoxFindingView(**each) for each in told.get("findings", ())],
        tunnels=[BoxTunnelView(**each) for each in told.get("tunnels", ())], public_key=box.public_key,
        next_public_key=box.next_public_key, key_since=box.key_since,
        key_changes=bool(box.next_public_key) or (bool(box.public_key) and box.retired_key == box.public_key),
    )  # fmt: skip
