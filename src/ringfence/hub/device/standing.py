"""What the caller has, told on each connection, so that a hub that lost its newest data does not fall behind it."""

from starlette.requests import Request
from starlette.responses import Response

from ringfence.hub.device.callers import DeviceCaller, hub_of
from ringfence.hub.device.exchange import message
from ringfence.hub.errors import SiteInDoubt
from ringfence.hub.fleet import doubts, edges
from ringfence.hub.recovery import standing
from ringfence.wire import codec
from ringfence.wire.messages import EdgeStanding, StandingAnswer


def tell(request: Request, caller: DeviceCaller, body: bytes) -> Response:
    """Compare what the edge has with what the hub has; answer why it gets nothing for now, if so.

    Raises:
        EdgeRefused: It turns out that the edge was revoked.
    """
    hub = hub_of(request)
    standing.take(hub, caller.edge_id, codec.from_json(EdgeStanding, body), caller.issuer)
    with hub.database.reading() as session:
        edges.let_in(session, caller.edge_id)
        try:
            doubts.check_none(session, caller.site_id, hub.clock())
        except SiteInDoubt as doubt:
            return message(StandingAnswer(str(doubt)))
    return message(StandingAnswer())
