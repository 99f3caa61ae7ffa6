"""The people's API as one application."""

import json
from collections.abc import Callable, Sequence
from functools import cache

from fastapi import FastAPI, Response

from ringfence import __version__
from ringfence.hub.core import Hub
from ringfence.hub.people import (
    accounts,
    alert_channels,
    api_tokens,
    assets,
    audit,
    bulk,
    doubts,
    edges,
    enrolment_tokens,
    families,
    firmware,
    groups,
    lines,
    metrics,
    pbxes,
    phones,
    problems,
    publish,
    releases,
    reports,
    rotations,
    settings,
    sites,
    templates,
    uploads,
    whoami,
)
from ringfence.hub.people.bodies import BodiesChecked
from ringfence.hub.people.callers import AUTHENTICATIONS, Authentication, CallersFirst
from ringfence.hub.people.guard import (
    alerts,
    bans,
    blocks,
    decision_log,
    edge_networks,
    first_contact,
    policy,
    windows,
)

V1 = "/api/v1"

_DESCRIPTION = """The fleet of one Ringfence hub: sites, phones, lines, settings, enrolment, publishing, releases.

Every request needs an API token: `Authorization: Bearer rft_…`. All times are Unix seconds. Every refusal has the
same shape (`Problem`): what is wrong, where, what to do, and a fixed word for programs.
"""


_PARTS = (
    sites, enrolment_tokens, edges, bulk, phones, lines, families, groups, templates, settings, uploads, firmware,
    assets, accounts, rotations, pbxes, alert_channels, publish, releases, policy, decision_log, alerts, first_contact,
    blocks, windows, bans, edge_networks, whoami, api_tokens, audit, reports, doubts,
)  # fmt: skip
"""The modules with the API's routes, one for each noun; the first match takes a path."""


def people_app(hub: Hub, authentications: Sequence[Authentication] = AUTHENTICATIONS) -> FastAPI:
    """Return the people's API of ``hub``; its description is at /openapi.json."""
    # No pages of documentation here: they would fetch scripts from elsewhere.
    app = FastAPI(
        title="Ringfence hub",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.state.hub = hub
    problems.install(app)
    app.add_middleware(BodiesChecked)
    app.add_middleware(CallersFirst, authentications=authentications)
    for part in _PARTS:
        app.include_router(part.router, prefix=V1, responses=problems.RESPONSES)
    app.include_router(metrics.router)
    app.add_api_route("/openapi.json", _described(app), include_in_schema=False)
    return app


def _described(app: FastAPI) -> Callable[[], Response]:
    """Return what answers with the API's description, which is written out once: it is long."""

    @cache
    def description() -> bytes:
        return json.dumps(app.openapi(), ensure_ascii=False, separators=(",", ":")).encode()

    def describe() -> Response:
        return Response(description(), media_type="application/json")

    return describe
