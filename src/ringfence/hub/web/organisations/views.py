"""Organisations: the list, a new one, its name, its limits, and its end."""

from collections.abc import Sequence

from fastapi import APIRouter, Response

from ringfence.errors import BadInput
from ringfence.hub.core import Hub
from ringfence.hub.fleet import organisation_use, organisations
from ringfence.hub.fleet.organisation_use import LimitUse
from ringfence.hub.fleet.organisations import OrganisationCounts
from ringfence.hub.people.callers import TheProvidersHub
from ringfence.hub.people.forms import NO_FORM, Form, TheForm
from ringfence.hub.store import organisation_limits
from ringfence.hub.store.models import name_key
from ringfence.hub.store.organisation_limits import OrganisationLimit
from ringfence.hub.web import lists
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.marks import check_unchanged, mark
from ringfence.hub.web.page import TheFormPage, TheWebPage, WebPage

router = APIRouter(prefix="/organisations")

MB = 1_000_000

_CELLS: lists.Cells[OrganisationCounts] = {
    "id": lambda each: each.organisation.id,
    "name": lambda each: name_key(each.organisation.name),
    "sites": lambda each: each.sites,
    "phones": lambda each: each.phones,
    "edges": lambda each: each.edges,
    "created": lambda each: each.organisation.created_at,
}


@router.get("")
def list_organisations(page: TheWebPage, hub: TheProvidersHub) -> PageAnswer:
    """Show the organisations."""
    with hub.database.reading() as session:
        found = lists.cut(page, organisations.find(session), _CELLS)
    return page.show("organisations/list.html", rows=found.rows, next=found.next)


@router.get("/-/new")
def show_new_organisation(page: TheFormPage, _hub: TheProvidersHub) -> PageAnswer:
    """Show the form for a new organisation."""
    return page.form("organisations/new.html", None, NO_FORM)


@router.post("/-/new")
def create_organisation(page: TheFormPage, hub: TheProvidersHub, form: TheForm) -> Response:
    """Create an organisation."""
    try:
        with hub.change(page.caller.name) as change:
            organisations.create(change, form.get("id", "").strip(), form.get("name", ""))
    except BadInput as fault:
        return page.refused("organisations/new.html", fault, form)
    return page.go("organisations", done="created")


@router.get("/{organisation}/change")
def show_change(organisation: str, page: TheFormPage, hub: TheProvidersHub) -> PageAnswer:
    """Show the form that renames an organisation."""
    found = _get(hub, organisation)
    form = {"name": found.organisation.name}
    return page.form("organisations/change.html", None, form, found=found, mark=mark(form))


@router.post("/{organisation}/change")
def change_organisation(organisation: str, page: TheFormPage, hub: TheProvidersHub, form: TheForm) -> Response:
    """Rename an organisation; its id stays."""
    try:
        with hub.change(page.caller.name) as change:
            found = organisations.get(change.session, organisation)
            check_unchanged(form, {"name": found.organisation.name})
            organisations.rename(change, organisation, form.get("name", ""))
    except BadInput as fault:
        found = _get(hub, organisation)
        now = mark({"name": found.organisation.name})
        return page.refused("organisations/change.html", fault, form, found=found, mark=now)
    return page.go("organisations", done="saved")


@router.get("/{organisation}/limits")
def show_limits(organisation: str, page: TheFormPage, hub: TheProvidersHub) -> PageAnswer:
    """Show what an organisation has and may have, and the form that limits it."""
    return _about_limits(page, hub, organisation)


@router.post("/{organisation}/limits")
def limit_organisation(organisation: str, page: TheFormPage, hub: TheProvidersHub, form: TheForm) -> Response:
    """Limit what an organisation may have; an empty field is no limit."""
    try:
        new = {limit.word: _most(form, limit) for limit in organisation_limits.ALL}
        with hub.change(page.caller.name) as change:
            check_unchanged(form, _typed_limits(organisation_use.find(change.session, organisation, page.now)))
            organisation_use.limit(change, organisation, new)
    except BadInput as fault:
        return _about_limits(page, hub, organisation, fault, form)
    return page.go("organisations", done="saved")


def _most(form: Form, limit: OrganisationLimit) -> int | None:
    text = form.get(limit.word, "").strip()
    if not text:
        return None
    unit = MB if limit is organisation_limits.STORAGE else 1
    return round(WebPage.number(form, limit.word, least=0, most=organisation_use.LARGEST_COUNT) * unit)


def _typed_limits(found: Sequence[LimitUse]) -> Form:
    """Return limits as somebody would type them."""
    unit = {organisation_limits.STORAGE: MB}
    return {
        each.limit.word: "" if each.most is None else f"{each.most / unit.get(each.limit, 1):.15g}" for each in found
    }


def _about_limits(
    page: WebPage, hub: Hub, organisation: str, fault: BadInput | None = None, form: Form | None = None
) -> PageAnswer:
    with hub.database.reading() as session:
        row = organisations.get(session, organisation).organisation
        found = organisation_use.find(session, row.id, page.now)
    now = _typed_limits(found)
    values = {"row": row, "found": found, "mark": mark(now), "storage": organisation_limits.STORAGE}
    return page.form("organisations/limits.html", fault, now if form is None else form, **values)


@router.get("/{organisation}/remove")
def ask_to_remove(organisation: str, page: TheFormPage, hub: TheProvidersHub) -> PageAnswer:
    """Ask whether an organisation is to be removed, and say what goes with it."""
    return _about_removal(page, _get(hub, organisation))


@router.post("/{organisation}/remove")
def remove_organisation(organisation: str, page: TheFormPage, hub: TheProvidersHub, form: TheForm) -> Response:
    """Remove an organisation; with its sites, phones and edges only if they are as many as were shown."""
    try:
        with hub.change(page.caller.name) as change:
            check_unchanged(form, _counts(organisations.get(change.session, organisation)))
            organisations.remove(change, organisation, with_all=form.get("with_all", "") == "yes")
    except BadInput as fault:
        return _about_removal(page, _get(hub, organisation), fault)
    return page.go("organisations", done="removed")


def _about_removal(page: WebPage, found: OrganisationCounts, fault: BadInput | None = None) -> PageAnswer:
    return page.form("organisations/remove.html", fault, NO_FORM, found=found, mark=mark(_counts(found)))


def _counts(found: OrganisationCounts) -> Form:
    return {"sites": str(found.sites), "phones": str(found.phones), "edges": str(found.edges)}


def _get(hub: Hub, organisation: str) -> OrganisationCounts:
    with hub.database.reading() as session:
        return organisations.get(session, organisation)
