"""What people's port serves: their API, and the pages beside it."""

from collections.abc import Sequence
from functools import cache

from fastapi import APIRouter, FastAPI
from starlette.routing import BaseRoute

from ringfence.hub.core import Hub
from ringfence.hub.people.app import built, people_app
from ringfence.hub.people.callers import AUTHENTICATIONS, Authentication
from ringfence.hub.people.uploaded_files import UploadPlaces
from ringfence.hub.web.account import passkeys
from ringfence.hub.web.account import views as account
from ringfence.hub.web.activations import views as activations
from ringfence.hub.web.alert_channels import views as alert_channels
from ringfence.hub.web.api_tokens import views as api_tokens
from ringfence.hub.web.assets import views as assets
from ringfence.hub.web.audit import views as audit
from ringfence.hub.web.boxes import views as boxes
from ringfence.hub.web.bundles import views as bundles
from ringfence.hub.web.compressed import PagesCompressed
from ringfence.hub.web.concentrators import views as concentrators
from ringfence.hub.web.drafts import views as drafts
from ringfence.hub.web.edge_jobs import views as edge_jobs
from ringfence.hub.web.edges import views as edges
from ringfence.hub.web.enrolment_tokens import views as enrolment_tokens
from ringfence.hub.web.firmware import views as firmware
from ringfence.hub.web.groups import views as groups
from ringfence.hub.web.guard import alerts, bans, first_contact, policy
from ringfence.hub.web.hub import first_run
from ringfence.hub.web.hub import views as hub_itself
from ringfence.hub.web.imports import folder_views as folder_imports
from ringfence.hub.web.imports import views as imports
from ringfence.hub.web.imports.kept_folders import KeptFolders
from ringfence.hub.web.imports.kept_tables import KeptTables
from ringfence.hub.web.layout.problem import problem_page
from ringfence.hub.web.lines import views as lines
from ringfence.hub.web.live_streams import LiveStreams
from ringfence.hub.web.networks import views as networks
from ringfence.hub.web.organisations import choice
from ringfence.hub.web.organisations import views as organisations
from ringfence.hub.web.overview import views as overview
from ringfence.hub.web.own_templates import views as own_templates
from ringfence.hub.web.pbxes import views as pbxes
from ringfence.hub.web.people import views as people
from ringfence.hub.web.phone_books import views as phone_books
from ringfence.hub.web.phones import changes as phone_changes
from ringfence.hub.web.phones import views as phones
from ringfence.hub.web.port_authorities import views as port_authorities
from ringfence.hub.web.publish import views as publish
from ringfence.hub.web.releases import views as releases
from ringfence.hub.web.rollouts import views as rollouts
from ringfence.hub.web.rotations import views as rotations
from ringfence.hub.web.settings import views as settings
from ringfence.hub.web.sign_in import passkeys as passkey_sign_in
from ringfence.hub.web.sign_in import providers as provider_sign_in
from ringfence.hub.web.sign_in import views as sign_in
from ringfence.hub.web.sign_in.way_in import way_in
from ringfence.hub.web.sign_in_providers import views as sign_in_providers
from ringfence.hub.web.sites import views as sites
from ringfence.hub.web.static import files
from ringfence.hub.web.trust import views as trust
from ringfence.hub.web.vpn import views as vpn

_PARTS = (
    files, sign_in, passkey_sign_in, provider_sign_in, choice, account, passkeys, people, sign_in_providers, overview,
    enrolment_tokens, sites, folder_imports, imports, phone_changes, first_contact, settings, lines, phones, alerts,
    drafts, publish, releases, groups, api_tokens, edges, edge_jobs, bans, policy, own_templates, firmware, pbxes,
    alert_channels, audit, rollouts, organisations, hub_itself, rotations, first_run, activations, phone_books,
    assets, networks, boxes, concentrators, port_authorities, trust, vpn, bundles,
)  # fmt: skip
"""The modules with pages, one for each noun."""


def web_app(hub: Hub, authentications: Sequence[Authentication] = AUTHENTICATIONS) -> FastAPI:
    """Return the people's API of ``hub`` with the pages beside it."""
    app = people_app(hub, authentications, problem_page, way_in, _routes())
    app.state.live_streams, app.state.kept_tables = LiveStreams(), KeptTables()
    app.state.upload_places, app.state.kept_folders = UploadPlaces(), KeptFolders()
    app.add_middleware(PagesCompressed)
    return app


@cache
def _routes() -> Sequence[BaseRoute]:
    router = APIRouter()
    for part in _PARTS:
        router.include_router(part.router, include_in_schema=False)
    return built(router)
