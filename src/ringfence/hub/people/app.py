"""The people's API as one application."""

import json
from collections.abc import Sequence
from functools import cache

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute

from ringfence import __version__
from ringfence.hub.core import Hub
from ringfence.hub.fleet.sign_in_throttle import SignInThrottle
from ringfence.hub.people import (
    accounts,
    activations,
    alert_channels,
    api_tokens,
    assets,
    audit,
    boxes,
    bulk,
    bundle_downloads,
    bundles,
    concentrators,
    doubts,
    drafts,
    edge_jobs,
    edge_modes,
    edge_tls_keys,
    edges,
    enrolment_tokens,
    families,
    firmware,
    groups,
    hub_keys,
    lines,
    listener_certificates,
    metrics,
    networks,
    organisations,
    passkeys,
    pbxes,
    people,
    phone_books,
    phone_certificates,
    phone_https,
    phone_trust,
    phones,
    port_authorities,
    problems,
    publish,
    releases,
    reports,
    rollouts,
    rotations,
    sessions,
    settings,
    sign_in_providers,
    sites,
    templates,
    trust,
    uploads,
    vpn,
    whoami,
)
from ringfence.hub.people.bodies import BodiesChecked
from ringfence.hub.people.callers import AUTHENTICATIONS, Authentication, CallersFirst, WayIn
from ringfence.hub.people.draft_requests import DraftRequests
from ringfence.hub.people.forgery import ForgedRefused
from ringfence.hub.people.guard import (
    alerts,
    bans,
    blocks,
    credentials,
    decision_log,
    edge_networks,
    first_contact,
    policy,
    windows,
)
from ringfence.hub.people.passkey_sign_ins import PasskeySignIns
from ringfence.hub.people.provider_sign_ins import ProviderSignIns
from ringfence.hub.people.sign_in_tries import SignInTries
from ringfence.hub.people.sign_ins import SignIns

V1 = "/api/v1"

_DESCRIPTION = """The fleet of one Ringfence hub: sites, phones, lines, settings, enrolment, publishing, releases.

Every request needs an API token, `Authorization: Bearer rft_…`, or the cookie of somebody who signed in; with a cookie,
what changes something also needs the page's token, `Ringfence-Form-Token: …`. All times are Unix seconds. Every refusal
has the same shape (`Problem`): what is wrong, where, what to do, and a fixed word for programs.
"""


_PARTS = (
    sites, enrolment_tokens, edges, edge_modes, edge_tls_keys, edge_jobs, bulk, phones, lines, families, groups,
    templates, settings, uploads,
    firmware, assets, accounts, activations, rotations, pbxes, alert_channels, drafts, rollouts, publish, releases,
    policy, decision_log, alerts, first_contact, blocks, credentials, windows, bans, edge_networks, whoami, api_tokens,
    people, passkeys, sign_in_providers, sessions, audit, reports, doubts, organisations, phone_books, networks, boxes,
    port_authorities, concentrators, trust, phone_certificates, phone_https, phone_trust, vpn, bundles,
    listener_certificates, hub_keys,
)  # fmt: skip
"""The modules with the API's routes, one for each noun; the first match takes a path."""


def people_app(
    hub: Hub,
    authentications: Sequence[Authentication] = AUTHENTICATIONS,
    problem_page: problems.ProblemPage | None = None,
    way_in: WayIn | None = None,
    further_routes: Sequence[BaseRoute] = (),
) -> FastAPI:
    """Return the people's API of ``hub``; its description is at /openapi.json. Pages are beside it (``hub/web``).

    Every route finds its hub by the request, so that all applications of a process have the same ones, built once.
    """
    # No pages of documentation here: they would fetch scripts from elsewhere.
    app = FastAPI(
        title="Ringfence hub",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,  # it would lead to whatever host the request names
        routes=[*_routes(), *further_routes],
    )
    app.state.hub, app.state.description = hub, None
    tries = SignInTries(hub)
    app.state.sign_ins, app.state.passkey_sign_ins = SignIns(hub, tries), PasskeySignIns(hub, tries)
    app.state.provider_sign_ins = ProviderSignIns(hub, tries)
    app.state.way_in = way_in
    app.state.code_throttle = SignInThrottle()
    problems.install(app, problem_page)
    app.add_middleware(DraftRequests)
    app.add_middleware(ForgedRefused)
    app.add_middleware(BodiesChecked)
    app.add_middleware(CallersFirst, authentications=authentications)
    return app


@cache
def _routes() -> Sequence[BaseRoute]:
    router = APIRouter()
    for part in _PARTS:
        router.include_router(part.router, prefix=V1, responses=problems.RESPONSES)
    router.include_router(metrics.router)
    router.include_router(bundle_downloads.router)
    router.add_api_route("/openapi.json", _describe, include_in_schema=False)
    return built(router)


def built(router: APIRouter) -> Sequence[BaseRoute]:
    """Return the routes of a router, built: otherwise the first request does it, on the loop, and everybody waits."""
    for _route in iter_route_contexts(router.routes):
        pass
    return router.routes


def _describe(request: Request) -> Response:
    """Return the API's description, which is written out once: it is long."""
    state = request.app.state
    if state.description is None:
        state.description = json.dumps(request.app.openapi(), ensure_ascii=False, separators=(",", ":")).encode()
    return Response(state.description, media_type="application/json")
