"""What edges offer as their key for phones by HTTPS."""

from starlette.requests import Request
from starlette.responses import Response

from ringfence.hub.device.callers import DeviceCaller, check_not_held, hub_of
from ringfence.hub.device.exchange import message
from ringfence.hub.fleet import edge_tls_keys, edges
from ringfence.wire import codec
from ringfence.wire.edge_tls_messages import EdgeTlsAnswer, EdgeTlsOffer


def offer(request: Request, caller: DeviceCaller, body: bytes) -> Response:
    """Keep the certificate, which the lists of the site's phones then name.

    Raises:
        EdgeRefused: The edge is revoked, or held back in its network.
        BadRequestForCertificate, TooManyEdgeTlsKeys: It can't be taken.
    """
    check_not_held(caller)  # it may stand at a thief's, and phones would believe it
    hub, told = hub_of(request), codec.from_json(EdgeTlsOffer, body)
    with hub.change(caller.edge_id) as change:
        edge = edges.let_in(change.session, caller.edge_id)
        row = edge_tls_keys.take(change, edge, told)
        answer = EdgeTlsAnswer(row.fingerprint)
    return message(answer)
