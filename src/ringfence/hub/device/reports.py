"""Reports, stored once and in order, acknowledged when durable; how edges are, and how far they are with a release."""

from starlette.requests import Request
from starlette.responses import Response

from ringfence.hub.device.callers import DeviceCaller, hub_of
from ringfence.hub.device.exchange import message
from ringfence.hub.fleet import edges
from ringfence.hub.fleet.guard import report_intake
from ringfence.hub.publishing import release_traces
from ringfence.wire import codec
from ringfence.wire.messages import EdgeHealth, Progress, ReportAcknowledgement, ReportBatch


def reports(request: Request, caller: DeviceCaller, body: bytes) -> Response:
    """Store the new reports of a batch and acknowledge all that are stored."""
    hub, batch = hub_of(request), codec.from_json(ReportBatch, body)
    with hub.change(caller.edge_id) as change:
        edge = edges.let_in(change.session, caller.edge_id)
        stored = report_intake.take(change, edge, batch)
        release_traces.tell(hub, change.session, edge.site_id, stored.new)
    return message(ReportAcknowledgement(stored.through))


def health(request: Request, caller: DeviceCaller, body: bytes) -> Response:
    """Store how an edge says that it is; alerts follow at the next look (fleet/guard/edge_alerts.py)."""
    hub, told = hub_of(request), codec.from_json(EdgeHealth, body)
    with hub.database.writing() as session:
        edges.note_health(edges.let_in(session, caller.edge_id), told, hub.clock())
        return message(told)


def progress(request: Request, caller: DeviceCaller, body: bytes) -> Response:
    """Store how much of a release an edge has fetched, until it reports that it serves it."""
    hub, told = hub_of(request), codec.from_json(Progress, body)
    with hub.database.writing() as session:
        edges.note_progress(edges.let_in(session, caller.edge_id), told)
        return message(told)
