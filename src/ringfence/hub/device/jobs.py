"""What the caller tells of a job that it was asked for."""

from starlette.requests import Request
from starlette.responses import Response

from ringfence.hub.device.callers import DeviceCaller, hub_of
from ringfence.hub.device.exchange import message
from ringfence.hub.fleet import edge_job_news, edges, phone_web
from ringfence.wire import codec
from ringfence.wire.job_messages import JobNews, JobNewsAnswer
from ringfence.wire.phone_web_messages import PhoneWebNews


def tell(request: Request, caller: DeviceCaller, body: bytes) -> Response:
    """Store what the caller tells, and answer whether it goes on."""
    hub, news = hub_of(request), codec.from_json(JobNews, body)
    with hub.change(caller.edge_id) as change:
        edge = edges.let_in(change.session, caller.edge_id)
        room = hub.blobs.free_bytes() if news.data else None
        return message(JobNewsAnswer(edge_job_news.take(change, hub.sealer, edge.id, news, room)))


def phone_web_exchange(request: Request, caller: DeviceCaller, body: bytes) -> Response:
    """Take an answer of a phone's page, and answer what is to be asked of it next."""
    hub, news = hub_of(request), codec.from_json(PhoneWebNews, body)
    with hub.change(caller.edge_id) as change:
        edge = edges.let_in(change.session, caller.edge_id)
        return message(phone_web.exchange(change, hub.sealer, edge.id, news))
