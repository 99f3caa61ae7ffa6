"""Taking reports in: stored once, in order, acknowledged when durable."""

from starlette.requests import Request
from starlette.responses import Response

from ringfence.hub.device.exchange import hub_of, message, presented_fingerprint
from ringfence.hub.fleet import edges
from ringfence.hub.fleet import reports as kept
from ringfence.wire import codec
from ringfence.wire.messages import ReportAcknowledgement, ReportBatch


def reports(request: Request, body: bytes) -> Response:
    """Store what is new of a batch and acknowledge all that is stored."""
    hub, batch = hub_of(request), codec.from_json(ReportBatch, body)
    with hub.database.writing() as session:
        edge = edges.recognise(session, presented_fingerprint(request))
        through = kept.store(session, edge, batch, hub.clock())
    return message(ReportAcknowledgement(through))
