"""The first run: whose hub it is, where it is found, what to compare, and the first site with its edge."""

from fastapi import APIRouter, Response

from ringfence.errors import BadInput
from ringfence.hub.core import Hub
from ringfence.hub.fleet import organisations, sites
from ringfence.hub.people.callers import TheProvidersHub
from ringfence.hub.people.forms import Form, TheForm
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.enrolment_tokens.views import create_token
from ringfence.hub.web.page import TheFormPage, WebPage

router = APIRouter(prefix="/hub/first-run")


@router.get("")
def show_first_run(page: TheFormPage, _hub: TheProvidersHub) -> PageAnswer:
    """Show what a new hub is, and ask for what it can't know."""
    return _show(page, {"organisation": page.organisation})


@router.post("")
def set_up(page: TheFormPage, hub: TheProvidersHub, form: TheForm) -> Response:
    """Name the organisation, create the first site, and lead on to where its edge joins."""
    try:
        _name_organisation(page, hub, form.get("organisation", ""))
        with page.hub.change(page.caller.name) as change:
            site = sites.create(change, page.hub.signers, form.get("site", ""), "", page.hub.endpoints).id
    except BadInput as fault:
        return _show(page, form, fault)
    return create_token(site, page)


def _name_organisation(page: WebPage, hub: Hub, name: str) -> None:
    if name.strip() != page.organisation:
        with hub.change(page.caller.name) as change:
            organisations.rename(change, page.caller.organisation_id, name)


def _show(page: WebPage, form: Form, fault: BadInput | None = None) -> PageAnswer:
    hub = page.hub
    return page.form(
        "hub/first_run.html", fault, form, fingerprint=hub.authority.fingerprint, device_url=hub.device_url,
        has_own_certificate=bool(hub.config.people_certificate),
    )  # fmt: skip
