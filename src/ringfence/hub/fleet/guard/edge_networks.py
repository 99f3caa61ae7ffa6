"""The networks that edges connect from, and which of them were accepted by a person or on first contact.

A stolen edge has its certificate, its stored rules and its stored release with it, but not the network that it was in.
So people are told of a new network, and if the site's policy says so, the hub gives no metadata, no secret file and no
renewed certificate there until a person has accepted the network, and the edge is told to hold back what it has.
"""

from ipaddress import IPv4Address, ip_network

from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.guard.policy import plain_address
from ringfence.hub.fleet import edges
from ringfence.hub.fleet.guard import alerts, policy
from ringfence.hub.fleet.guard.policy import EdgeMoves
from ringfence.hub.store.change import Change
from ringfence.hub.store.guard_models import EdgeNetworkRow
from ringfence.hub.store.models import EdgeRow

REMEMBERED_S = 90 * 86_400
NOTED_EVERY_S = 3600.0
_PREFIXES = {4: 24, 6: 56}


def network_of(host: str) -> str:
    """Return the network that an address belongs to: a /24, or for IPv6 the /56 that a household has."""
    address = plain_address(host)
    if address is None:
        return ""
    version = 4 if isinstance(address, IPv4Address) else 6
    return str(ip_network(f"{address}/{_PREFIXES[version]}", strict=False))


def is_news(session: Session, edge: EdgeRow, host: str, now: float) -> bool:
    """Return whether it is worth storing that an edge connects from ``host``."""
    network = network_of(host)
    known = session.get(EdgeNetworkRow, (edge.id, network))
    return bool(network) and (network != edge.network or known is None or now - known.last_at > NOTED_EVERY_S)


def note(change: Change, edge: EdgeRow, host: str) -> None:
    """Store where an edge connects from; if that is new, tell people or hold files back."""
    network = network_of(host)
    if not network:
        return
    session, before = change.session, edge.network
    known = session.get(EdgeNetworkRow, (edge.id, network))
    if known is None:
        known = EdgeNetworkRow(
            edge_id=edge.id, network=network, first_at=change.now, last_at=change.now, accepted=not before
        )
        session.add(known)
        has_moved = bool(before)
    else:
        has_moved = change.now - known.last_at > REMEMBERED_S
        known.accepted = known.accepted and not has_moved
        known.last_at = change.now
    edge.network = network
    if not has_moved:
        return
    moves = policy.get(session, edge.site_id).edge_moves
    if moves is not EdgeMoves.HOLD:
        known.accepted = True
    change.note("edge.moved", edge.id, f"{before} → {network}")
    if moves is not EdgeMoves.IGNORE:
        sentence = f"Edge {edge.hostname or edge.id} connects from {network}, a new network for it; before: {before}."
        if moves is EdgeMoves.HOLD:
            sentence += f" Phones' own files are held back until you accept it: ringfence guard accept-edge {edge.id}."
        alerts.raise_alert(change, edge.site_id, alerts.EDGE_MOVED, edge.id, sentence, peer=host)


def why_held(session: Session, edge: EdgeRow, host: str) -> str:
    """Return in words why an edge that calls from ``host`` gets no phone's own file; empty if it does.

    What counts is where this request is from: a copy of the edge elsewhere takes nothing from the one at home.
    """
    network = network_of(host)
    if not network or not edge.network or policy.get(session, edge.site_id).edge_moves is not EdgeMoves.HOLD:
        return ""
    known = session.get(EdgeNetworkRow, (edge.id, network))
    if known is not None and known.accepted:
        return ""
    return (
        f"this edge connects from {network}, a new network for it; to accept it: ringfence guard accept-edge {edge.id}"
    )


def accept(change: Change, edge_id: str) -> list[str]:
    """Accept every network that an edge has connected from; return those that were not accepted before."""
    edge = edges.get(change.session, edge_id)
    chosen = select(EdgeNetworkRow).where(EdgeNetworkRow.edge_id == edge.id, EdgeNetworkRow.accepted.is_(False))
    rows = change.session.scalars(chosen.order_by(EdgeNetworkRow.network)).all()
    for row in rows:
        row.accepted = True
    accepted = [row.network for row in rows]
    change.note("edge.accept", edge.id, ", ".join(accepted) or edge.network)
    alerts.close_about(change, edge.id, (alerts.EDGE_MOVED,))
    return accepted
