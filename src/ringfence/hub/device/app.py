"""The device API as one application: paths to handlers. Plain Starlette, for these are the busy paths."""

from starlette.applications import Starlette
from starlette.routing import Route

from ringfence.hub.core import Hub
from ringfence.hub.device import (
    content,
    events,
    exchange,
    guard,
    identity,
    reports,
)
from ringfence.wire import paths

NEED_NO_CERTIFICATE = frozenset({paths.AUTHORITY, paths.ENROL})
"""The only paths that answer a caller without an edge's certificate."""

_WORK = (
    (paths.AUTHORITY, "GET", identity.authority),
    (paths.ENROL, "POST", identity.enrol),
    (paths.RENEW, "POST", identity.renew),
    (paths.GREETING, "GET", events.greeting),
    (paths.METADATA + "{name}", "GET", content.metadata),
    (paths.BLOBS + "{digest}", "GET", content.blob),
    (paths.REPORTS, "POST", reports.reports),
    (paths.GUARD, "GET", guard.rules),
    (paths.PROGRESS, "POST", reports.progress),
)


def device_app(hub: Hub) -> Starlette:
    """Return the device API of ``hub``."""
    routes = [Route(path, exchange.endpoint(work), methods=[method]) for path, method, work in _WORK]
    routes.append(Route(paths.EVENTS, events.events, methods=["GET"]))
    app = Starlette(
        routes=routes,
        exception_handlers={404: exchange.not_found, 405: exchange.wrong_method, Exception: exchange.on_internal_error},
    )
    app.state.hub = hub
    return app
