"""Taking reports in: stored once, in order, acknowledged when durable. And how far edges are with a release."""

from starlette.requests import Request
from starlette.responses import Response

from ringfence.hub.device.callers import DeviceCaller, hub_of
from ringfence.hub.device.exchange import message
from ringfence.hub.fleet import edges
from ringfence.hub.fleet.guard import report_intake
from ringfence.wire import codec
from ringfence.wire.messages import Progress, ReportAcknowledgement, ReportBatch


def reports(request: Request, caller: DeviceCaller, body: bytes) -> Response:
    """Store what is new of a batch and acknowledge all that is stored."""
    hub, batch = hub_of(request), codec.from_json(ReportBatch, body)
    with hub.change(caller.edge_id) as change:
        through = report_intake.take(change, edges.let_in(change.session, caller.edge_id), batch)
    return message(ReportAcknowledgement(through))


def progress(request: Request, caller: DeviceCaller, body: bytes) -> Response:
    """Note how much of a release an edge has fetched; its report of serving it ends that."""
    hub, told = hub_of(request), codec.from_json(Progress, body)
    with hub.database.writing() as session:
        edges.note_progress(edges.let_in(session, caller.edge_id), told)
        return message(told)
