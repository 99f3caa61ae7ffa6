"""A site's state as its edges get it: each part comes from its own module. A new part is a new entry here."""

from collections.abc import Callable, Mapping

from msgspec import Raw
from sqlalchemy.orm import Session

from ringfence.hub.data.sealing import Sealer
from ringfence.hub.fleet import edge_jobs, edge_modes, edge_tls_keys, memory_for_edges, network_for_edges, room_orders
from ringfence.hub.fleet.guard import rules_for_edges
from ringfence.hub.store.models import EdgeRow, SiteRow
from ringfence.wire import codec
from ringfence.wire.messages import SiteState, StatePart

PARTS: Mapping[StatePart, Callable[[Session, EdgeRow, float, str], object]] = {
    StatePart.MEMORY: memory_for_edges.compile_memory,
    StatePart.ROOM_ORDERS: room_orders.compile_orders,
    StatePart.JOBS: edge_jobs.compile_orders,
    StatePart.EDGE_TLS: edge_tls_keys.compile_order,
}
"""By name, the function that makes a part's message for an edge at a time, with why it is held back, if it is.

The guard's part, the network's and storage's are not among them: what they hold of secrets must be opened.
"""


def compile_state(session: Session, sealer: Sealer, edge: EdgeRow, now: float, held: str = "") -> SiteState:
    """Return everything apart from releases that ``edge`` goes by; ``held`` is why it gets nothing secret."""
    site = session.get_one(SiteRow, edge.site_id)
    parts: dict[StatePart, object] = {part: made(session, edge, now, held) for part, made in PARTS.items()}
    parts[StatePart.GUARD] = rules_for_edges.compile_rules(session, sealer, edge, now, held)
    if (storage := edge_modes.compile_order(session, sealer, edge, held)) is not None:
        parts[StatePart.STORAGE] = storage
    if (network := network_for_edges.compile_network(session, sealer, edge, now, held)) is not None:
        parts[StatePart.NETWORK] = network
    return SiteState(site.guard_version, {part: Raw(codec.to_json(message)) for part, message in parts.items()})
