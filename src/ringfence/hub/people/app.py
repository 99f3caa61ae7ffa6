"""The people's API as one application."""

from fastapi import FastAPI

from ringfence import __version__
from ringfence.hub.core import Hub
from ringfence.hub.people import (
    access,
    content,
    firmware,
    guard,
    guard_orders,
    inventory,
    kinds,
    metrics,
    places,
    problems,
    settings,
    sip,
)

V1 = "/api/v1"

_DESCRIPTION = """The fleet of one Ringfence hub: sites, phones, lines, settings, enrolment, publishing, releases.

Every request needs an API token: `Authorization: Bearer rft_…`. All times are Unix seconds. Every refusal has the
same shape (`Problem`): what is wrong, where, what to do, and a fixed word for programs.
"""


def people_app(hub: Hub) -> FastAPI:
    """Return the people's API of ``hub``; its description is at /openapi.json."""
    # No pages of documentation here: they would fetch scripts from elsewhere.
    app = FastAPI(title="Ringfence hub", version=__version__, description=_DESCRIPTION, docs_url=None, redoc_url=None)
    app.state.hub = hub
    problems.install(app)
    for part in (places, inventory, kinds, settings, firmware, sip, content, guard, guard_orders, access):
        app.include_router(part.router, prefix=V1, responses=problems.RESPONSES)
    app.include_router(metrics.router)
    return app
