"""Taking reports in: stored once, in order, acknowledged when durable. And how far edges are with a release."""

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from ringfence.hub.device.exchange import hub_of, message, presented_fingerprint
from ringfence.hub.fleet import edges
from ringfence.hub.fleet import reports as kept
from ringfence.wire import codec
from ringfence.wire.messages import Progress, ReportAcknowledgement, ReportBatch


def reports(request: Request, body: bytes) -> Response:
    """Store what is new of a batch and acknowledge all that is stored."""
    hub, batch = hub_of(request), codec.from_json(ReportBatch, body)
    with hub.change("edge") as change:
        edge = edges.recognise(change.session, presented_fingerprint(request))
        through = kept.store(replace(change, who=edge.id), edge, batch)
    return message(ReportAcknowledgement(through))


def progress(request: Request, body: bytes) -> Response:
    """Note how much of a release an edge has fetched; its report of serving it ends that."""
    hub, told = hub_of(request), codec.from_json(Progress, body)
    with hub.database.writing() as session:
        edge = edges.recognise(session, presented_fingerprint(request))
        edges.note_progress(edge, told)
        return message(told)
