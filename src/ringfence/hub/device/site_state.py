"""What the caller goes by apart from releases: its site's state, or only the guard's rules for older edges."""

from starlette.requests import Request
from starlette.responses import Response

from ringfence.hub.device.callers import DeviceCaller, hub_of
from ringfence.hub.device.exchange import message, peer_of
from ringfence.hub.fleet import edges, site_state
from ringfence.hub.fleet.guard import edge_networks, rules_for_edges


def state(request: Request, caller: DeviceCaller, _body: bytes) -> Response:
    """Return the whole state."""
    _note_where_it_stands(request, caller)
    hub = hub_of(request)
    with hub.database.reading() as session:
        return message(site_state.compile_state(session, edges.let_in(session, caller.edge_id), hub.clock()))


def guard(request: Request, caller: DeviceCaller, _body: bytes) -> Response:
    """Return only the guard's rules."""
    _note_where_it_stands(request, caller)
    hub = hub_of(request)
    with hub.database.reading() as session:
        return message(rules_for_edges.compile_rules(session, edges.let_in(session, caller.edge_id), hub.clock()))


def _note_where_it_stands(request: Request, caller: DeviceCaller) -> None:
    """Store where the edge is now, before anything is compiled: files may be held back because of it."""
    hub = hub_of(request)
    with hub.database.reading() as session:
        edge = edges.let_in(session, caller.edge_id)
        is_news = edge_networks.is_news(session, edge, peer_of(request), hub.clock())
    if is_news:
        with hub.change(edge.id) as change:
            edge_networks.note(change, edges.let_in(change.session, caller.edge_id), peer_of(request))
