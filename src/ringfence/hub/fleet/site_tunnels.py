"""Whether calls of a site's phones go through a tunnel: its boxes, and the concentrators that these find."""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.hub.store.access_scope import beyond_scope
from ringfence.hub.store.models import EdgeRow
from ringfence.hub.store.network_models import BoxRow, ConcentratorRow, SiteNetworkRow
from ringfence.phones.rendering.protection import SiteTunnel


def of_sites(session: Session, site_ids: Collection[str]) -> dict[str, SiteTunnel]:
    """Return the tunnel of each of these sites, with as many queries as for one."""
    asked, edges = _networks(session, site_ids), _edges(session, site_ids)
    enrolled = select(ConcentratorRow.id).where(ConcentratorRow.endpoint != "", ConcentratorRow.public_key != "")
    has_concentrator = session.scalar(beyond_scope(enrolled.limit(1))) is not None
    return {
        site_id: _tunnel(site_id, asked.get(site_id), edges[site_id], has_concentrator=has_concentrator)
        for site_id in site_ids
    }


def is_of_boxes(session: Session, site_id: str) -> bool:
    """Return whether a site's phones are behind boxes, which answer them by names of their own."""
    asked, edges = _networks(session, [site_id]).get(site_id), _edges(session, [site_id])[site_id]
    return (asked is not None and asked.is_box) or (bool(edges) and all(is_box for _name, is_box in edges))


def _networks(session: Session, site_ids: Collection[str]) -> dict[str, SiteNetworkRow]:
    networks = select(SiteNetworkRow).where(SiteNetworkRow.site_id.in_(site_ids))
    return {row.site_id: row for row in session.scalars(beyond_scope(networks))}


def _edges(session: Session, site_ids: Collection[str]) -> dict[str, list[tuple[str, bool]]]:
    """Return what each site's edges are called, and whether each is a box."""
    chosen = (
        select(EdgeRow.site_id, EdgeRow.id, EdgeRow.hostname, BoxRow.edge_id)
        .outerjoin(BoxRow, BoxRow.edge_id == EdgeRow.id)
        .where(EdgeRow.site_id.in_(site_ids), EdgeRow.revoked_at.is_(None))
    )
    edges: dict[str, list[tuple[str, bool]]] = {site_id: [] for site_id in site_ids}
    for site_id, edge_id, hostname, box in session.execute(beyond_scope(chosen)):
        edges[site_id].append((hostname or edge_id, box is not None))
    return edges


def _tunnel(
    site_id: str, asked: SiteNetworkRow | None, edges: list[tuple[str, bool]], *, has_concentrator: bool
) -> SiteTunnel:
    names = frozenset(name.casefold() for name in asked.names) if asked is not None else frozenset()
    plain = sorted(name for name, is_box in edges if not is_box)
    if not (asked is not None and asked.is_box) and (plain or not edges):
        why = f"{plain[0]}, an edge of site {site_id}, is no box" if plain else f"site {site_id} has no box"
        return SiteTunnel(why, f"Make its edges boxes: ringfence network set {site_id} --box; see docs/box.md.", names)
    if not has_concentrator:
        return SiteTunnel(
            "no concentrator has been enrolled, which is the tunnel's other end",
            "Enrol one beside the PBX: ringfence tunnel token NAME; see docs/box.md.",
            names,
        )
    return SiteTunnel(names=names)
