"""What the caller tells of a job that it was asked for."""

from starlette.requests import Request
from starlette.responses import Response

from ringfence.hub.device.callers import DeviceCaller, hub_of
from ringfence.hub.device.exchange import message
from ringfence.hub.fleet import edge_job_news, edges
from ringfence.wire import codec
from ringfence.wire.job_messages import JobNews, JobNewsAnswer


def tell(request: Request, caller: DeviceCaller, body: bytes) -> Response:
    """Store what the caller tells, and answer whether it goes on."""
    hub, news = hub_of(request), codec.from_json(JobNews, body)
    with hub.change(caller.edge_id) as change:
        edge = edges.let_in(change.session, caller.edge_id)
        room = hub.blobs.free_bytes() if news.data else None
        return message(JobNewsAnswer(edge_job_news.take(change, hub.sealer, edge.id, news, room)))
