"""What the caller goes by apart from releases: its site's state, or only the guard's rules for older edges."""

from starlette.requests import Request
from starlette.responses import Response

from ringfence.hub.device.callers import DeviceCaller, hub_of
from ringfence.hub.device.exchange import message
from ringfence.hub.fleet import doubts, edges, site_state
from ringfence.hub.fleet.guard import rules_for_edges


def state(request: Request, caller: DeviceCaller, _body: bytes) -> Response:
    """Return the whole state."""
    hub = hub_of(request)
    with hub.database.reading() as session:
        edge = edges.let_in(session, caller.edge_id)
        doubts.check_none(session, edge.site_id, hub.clock())
        return message(site_state.compile_state(session, hub.sealer, edge, hub.clock(), caller.held))


def guard(request: Request, caller: DeviceCaller, _body: bytes) -> Response:
    """Return only the guard's rules."""
    hub = hub_of(request)
    with hub.database.reading() as session:
        edge = edges.let_in(session, caller.edge_id)
        doubts.check_none(session, edge.site_id, hub.clock())
        return message(rules_for_edges.compile_rules(session, hub.sealer, edge, hub.clock(), caller.held))
