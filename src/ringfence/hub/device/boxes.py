"""What boxes tell of the phone's port and of their tunnels."""

from starlette.requests import Request
from starlette.responses import Response

from ringfence.hub.device.callers import DeviceCaller, hub_of
from ringfence.hub.device.exchange import message
from ringfence.hub.fleet import boxes, edges, tunnel_peers
from ringfence.wire import codec
from ringfence.wire.network_messages import BoxAnswer, BoxStanding


def box(request: Request, caller: DeviceCaller, body: bytes) -> Response:
    """Keep what a box tells, and see to it that it has a subnet which it can use."""
    hub, told = hub_of(request), boxes.bounded(codec.from_json(BoxStanding, body))
    with hub.change(caller.edge_id) as change:
        edge = edges.let_in(change.session, caller.edge_id)
        is_news = not boxes.has_told_keys(change.session, edge.id, told)
        boxes.take(change, edge, told, hub.config.box_pool_of(hub.organisation_id))
        is_known = not is_news and tunnel_peers.has_next_key(change.session, edge.site_id, change.now)
    return message(BoxAnswer(next_key_known=bool(told.next_public_key) and is_known))
