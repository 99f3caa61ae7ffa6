"""The device API as one application: paths and their handlers. Plain Starlette, as these are the busy paths."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.routing import Route

from ringfence.hub import logs
from ringfence.hub.core import Hub
from ringfence.hub.counted_refusals import CountedRefusals
from ringfence.hub.device import (
    boxes,
    concentrators,
    content,
    edge_tls,
    events,
    exchange,
    identity,
    jobs,
    phone_services,
    reports,
    site_state,
    standing,
)
from ringfence.hub.device.callers import (
    anybody,
    concentrator_to_renew,
    edge_to_renew,
    enrolled_concentrator,
    enrolled_edge_or_one_to_wipe,
)
from ringfence.hub.device.exchange import DeviceRoute
from ringfence.wire import codec, paths
from ringfence.wire.job_messages import LARGEST_PART_BYTES
from ringfence.wire.phone_services import LARGEST_BYTES

_KEYS_BYTES = 64 * 1024
"""A certificate request with what is said beside it."""
_PROGRESS_BYTES = 4 * 1024
_BOX_BYTES = 64 * 1024
_JOB_NEWS_BYTES = 2 * LARGEST_PART_BYTES
_STANDING_BYTES = 1536 * 1024
"""Signed metadata, and what the edge keeps for the hub (recovery/hub_memory.py)."""

ROUTES = (
    DeviceRoute(paths.AUTHORITY, "GET", identity.authority, caller=anybody),
    DeviceRoute(paths.ENROL, "POST", identity.enrol, _KEYS_BYTES, caller=anybody),
    DeviceRoute(paths.RENEW, "POST", identity.renew, _KEYS_BYTES, caller=edge_to_renew),
    DeviceRoute(paths.GREETING, "GET", events.greeting),
    DeviceRoute(paths.EVENTS, "GET", events.events, caller=enrolled_edge_or_one_to_wipe),
    DeviceRoute(paths.METADATA + "{name}", "GET", content.metadata),
    DeviceRoute(paths.BLOBS + "{digest}", "GET", content.blob),
    DeviceRoute(paths.REPORTS, "POST", reports.reports, codec.LARGEST_BYTES, is_paced=True),
    DeviceRoute(paths.JOBS, "POST", jobs.tell, _JOB_NEWS_BYTES, is_paced=True),
    DeviceRoute(paths.PHONE_WEB, "POST", jobs.phone_web_exchange, _JOB_NEWS_BYTES, is_paced=True),
    DeviceRoute(
        paths.PHONE_SERVICES + "{service}", "POST", phone_services.converse, LARGEST_BYTES, is_conversation=True
    ),
    DeviceRoute(paths.STATE, "GET", site_state.state),
    DeviceRoute(paths.GUARD, "GET", site_state.guard),
    DeviceRoute(paths.STANDING, "POST", standing.tell, _STANDING_BYTES, is_paced=True),
    DeviceRoute(paths.HEALTH, "POST", reports.health, _PROGRESS_BYTES, is_paced=True),
    DeviceRoute(paths.EDGE_TLS, "POST", edge_tls.offer, _PROGRESS_BYTES, is_paced=True),
    DeviceRoute(paths.BOX, "POST", boxes.box, _BOX_BYTES, is_paced=True),
    DeviceRoute(paths.TUNNEL_ENROL, "POST", concentrators.enrol, _KEYS_BYTES, caller=anybody),
    DeviceRoute(
        paths.TUNNEL_RENEW, "POST", concentrators.renew, _KEYS_BYTES, caller=concentrator_to_renew, is_paced=True
    ),
    DeviceRoute(paths.TUNNEL_EVENTS, "GET", concentrators.events, caller=enrolled_concentrator),
    DeviceRoute(paths.TUNNEL_PEERS, "GET", concentrators.peers, caller=enrolled_concentrator),
    DeviceRoute(
        paths.TUNNEL_STANDING,
        "POST",
        concentrators.standing,
        codec.LARGEST_BYTES,
        caller=enrolled_concentrator,
        is_paced=True,
    ),
    DeviceRoute(paths.PROGRESS, "POST", reports.progress, _PROGRESS_BYTES, is_paced=True),
)


def device_app(hub: Hub, routes: Sequence[DeviceRoute] = ROUTES) -> Starlette:
    """Return the device API of ``hub``."""
    app = Starlette(
        routes=[Route(route.path, exchange.endpoint(route), methods=[route.method]) for route in routes],
        exception_handlers={404: exchange.not_found, 405: exchange.wrong_method, Exception: exchange.on_internal_error},
    )
    app.state.hub = hub
    app.state.phone_services = phone_services.PhonesOfEdges()
    hub.closing.callback(app.state.phone_services.end)
    app.state.refusals = CountedRefusals(logs.get("device"), "request refused")
    return app
