"""Sign-in providers: the list, adding, changing, checking and removing one."""

from typing import Any

from fastapi import APIRouter, Response
from pydantic import ValidationError

from ringfence.errors import RingfenceError
from ringfence.hub.errors import BadSelection
from ringfence.hub.people import sign_in_providers as api
from ringfence.hub.people.forms import Form, TheForm
from ringfence.hub.people.pages import LARGEST
from ringfence.hub.people.rights import Role
from ringfence.hub.people.schemas import NewAccessScope
from ringfence.hub.people.schemas.sign_in_providers import (
    NewGroupMapping,
    NewSignInProvider,
    SignInProviderChanges,
    SignInProviderView,
)
from ringfence.hub.people.sign_in_providers import TheProviderSignIns
from ringfence.hub.store.models import name_key
from ringfence.hub.store.pages import Page
from ringfence.hub.web import lists
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.page import TheFormPage, TheWebPage, WebPage

router = APIRouter(prefix="/sign-in-providers")

_CELLS: lists.Cells[SignInProviderView] = {
    "name": lambda row: name_key(row.name),
    "issuer": lambda row: row.issuer,
}
_OF_GROUP = "group:"
"""Before the id of a group of phones, where sites are named too."""


@router.get("")
def list_providers(page: TheWebPage, sign_ins: TheProviderSignIns) -> PageAnswer:
    """Show the organisation's providers."""
    known = api.list_sign_in_providers(page.hub, page.caller, Page(LARGEST, ""), sign_ins)
    found = lists.cut(page, known.items, _CELLS)
    return page.show("sign_in_providers/list.html", rows=found.rows, next=found.next)


@router.get("/-/new")
def show_new_provider(page: TheFormPage, sign_ins: TheProviderSignIns) -> PageAnswer:
    """Show the form for a new provider."""
    form = {"group_claim": "groups", "scopes": "profile email", "session_hours": "12"}
    return page.show("sign_in_providers/new.html", form=form, fault=None, redirect_uri=sign_ins.redirect_uri)


@router.post("/-/new")
def add_provider(page: TheFormPage, form: TheForm, sign_ins: TheProviderSignIns) -> Response:
    """Add a provider."""
    try:
        body = NewSignInProvider(
            id=form.get("id", ""), client_secret=form.get("client_secret", ""), **_typed(page, form)
        )
        api.add_sign_in_provider(body, page.hub, page.caller, sign_ins)
    except (RingfenceError, ValidationError) as fault:
        kept = {**form, "client_secret": ""}
        return page.refused("sign_in_providers/new.html", _told(fault), kept, redirect_uri=sign_ins.redirect_uri)
    return page.go("sign-in-providers", done="created")


@router.get("/{provider}/change")
def show_change(provider: str, page: TheFormPage, sign_ins: TheProviderSignIns) -> PageAnswer:
    """Show the form that changes a provider."""
    row = api.show_sign_in_provider(provider, page.hub, page.caller, sign_ins)
    return page.show("sign_in_providers/change.html", row=row, form=_in_form(row), fault=None)


@router.post("/{provider}/change")
def change_provider(provider: str, page: TheFormPage, form: TheForm, sign_ins: TheProviderSignIns) -> Response:
    """Change a provider."""
    try:
        body = SignInProviderChanges(client_secret=form.get("client_secret") or None, **_typed(page, form))
        api.change_sign_in_provider(provider, body, page.hub, page.caller, sign_ins)
    except (RingfenceError, ValidationError) as fault:
        row = api.show_sign_in_provider(provider, page.hub, page.caller, sign_ins)
        return page.refused("sign_in_providers/change.html", _told(fault), {**form, "client_secret": ""}, row=row)
    return page.go("sign-in-providers", done="saved")


@router.get("/{provider}/check")
def show_check(provider: str, page: TheFormPage, sign_ins: TheProviderSignIns) -> PageAnswer:
    """Show the form that asks a provider whether it answers."""
    row = api.show_sign_in_provider(provider, page.hub, page.caller, sign_ins)
    return page.show("sign_in_providers/check.html", row=row, found=None, fault=None)


@router.post("/{provider}/check")
def check_provider(provider: str, page: TheFormPage, sign_ins: TheProviderSignIns) -> PageAnswer:
    """Ask a provider for its addresses."""
    row = api.show_sign_in_provider(provider, page.hub, page.caller, sign_ins)
    try:
        found = api.check_sign_in_provider(provider, page.hub, page.caller, sign_ins)
    except RingfenceError as fault:
        return page.refused("sign_in_providers/check.html", fault, row=row, found=None)
    return page.show("sign_in_providers/check.html", row=row, found=found, fault=None)


@router.get("/{provider}/remove")
def ask_to_remove(provider: str, page: TheFormPage, sign_ins: TheProviderSignIns) -> PageAnswer:
    """Ask whether a provider is to be removed."""
    row = api.show_sign_in_provider(provider, page.hub, page.caller, sign_ins)
    return page.show("sign_in_providers/remove.html", row=row)


@router.post("/{provider}/remove")
def remove_provider(provider: str, page: TheFormPage) -> Response:
    """Remove a provider."""
    api.remove_sign_in_provider(provider, page.hub, page.caller)
    return page.go("sign-in-providers", done="removed")


def _typed(page: WebPage, form: Form) -> dict[str, Any]:  # Any: fields of two models, which check them
    """Return what both forms have in common."""
    return {
        "name": form.get("name", ""), "issuer": form.get("issuer", ""), "client_id": form.get("client_id", ""),
        "groups": [_mapping(line) for line in form.get("groups", "").splitlines() if line.strip()],
        "group_claim": form.get("group_claim", ""), "scopes": form.get("scopes", ""),
        "session_hours": int(page.number(form, "session_hours", least=1, most=168)),
    }  # fmt: skip


def _mapping(line: str) -> NewGroupMapping:
    """Return what a line says, such as ``Phones = operator @ office group:reception``."""
    group, equals, told = line.rpartition("=")
    role, at, places = told.partition("@")
    named = places.replace(",", " ").split()
    sites = [place for place in named if not place.startswith(_OF_GROUP)]
    groups = [place.removeprefix(_OF_GROUP) for place in named if place.startswith(_OF_GROUP)]
    try:
        limited_to = NewAccessScope(sites=sites, groups=groups) if at else None
        return NewGroupMapping(group=group.strip(), role=Role(role.strip() if equals else ""), limited_to=limited_to)
    except ValueError:
        raise BadSelection(
            f"the line {line[:80]!r} does not name a group and a role", to_do="Write it like: Phones = operator"
        ) from None


def _in_form(row: SignInProviderView) -> Form:
    lines = []
    for each in row.groups:
        lines.append(f"{each.group} = {each.role}")
        if each.limited_to is not None:
            places = [*each.limited_to.sites, *(f"{_OF_GROUP}{group}" for group in each.limited_to.groups)]
            lines[-1] += f" @ {' '.join(places)}"
    return {
        "name": row.name, "issuer": row.issuer, "client_id": row.client_id, "groups": "\n".join(lines),
        "group_claim": row.group_claim, "scopes": row.scopes, "session_hours": str(row.session_hours),
    }  # fmt: skip


def _told(fault: RingfenceError | ValidationError) -> RingfenceError:
    return fault if isinstance(fault, RingfenceError) else BadSelection("a value is too long", to_do="Shorten it.")
