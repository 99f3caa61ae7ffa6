"""What the caller's site asks of whoever wants a file, for the edge's guard."""

from starlette.requests import Request
from starlette.responses import Response

from ringfence.hub.device.callers import DeviceCaller, hub_of
from ringfence.hub.device.exchange import message, peer_of
from ringfence.hub.fleet import edges
from ringfence.hub.fleet.guard import edge_networks, rules_for_edges


def rules(request: Request, caller: DeviceCaller, _body: bytes) -> Response:
    """Give the rules, whole; where the edge stands now is noted first, for it may be why files are held back."""
    hub = hub_of(request)
    with hub.database.reading() as session:
        edge = edges.let_in(session, caller.edge_id)
        is_news = edge_networks.is_news(session, edge, peer_of(request), hub.clock())
    if is_news:
        with hub.change(edge.id) as change:
            edge_networks.note(change, edges.let_in(change.session, caller.edge_id), peer_of(request))
    with hub.database.reading() as session:
        return message(rules_for_edges.compile_rules(session, edges.let_in(session, caller.edge_id), hub.clock()))
