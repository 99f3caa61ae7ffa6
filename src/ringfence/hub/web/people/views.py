"""People: the list, one of them, and invitations."""

from fastapi import APIRouter, Response
from pydantic import ValidationError
from sqlalchemy import Double, func

from ringfence.errors import BadInput
from ringfence.hub.errors import BadSelection
from ringfence.hub.fleet import api_tokens, passkeys, people, sessions
from ringfence.hub.fleet.relying_party import host_of
from ringfence.hub.people import passkeys as passkeys_api
from ringfence.hub.people import people as api
from ringfence.hub.people import sessions as sessions_api
from ringfence.hub.people.callers import ThePeoplesUrl
from ringfence.hub.people.forms import TheForm
from ringfence.hub.people.problems import status_of
from ringfence.hub.people.rights import RIGHTS, Role
from ringfence.hub.people.schemas.people import NewPerson, PersonChanges
from ringfence.hub.store.people_models import PersonRow
from ringfence.hub.web import lists
from ringfence.hub.web.access_scopes import scope_in_form, typed_scope
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.page import TheFormPage, TheWebPage, WebPage

router = APIRouter()

_COLUMNS: lists.Columns = {
    "name": (PersonRow.name_key,),
    "role": (PersonRow.role, PersonRow.name_key),
    "signed-in": (func.coalesce(PersonRow.last_signed_in_at, 0.0, type_=Double()), PersonRow.name_key),
}


@router.get("/people")
def list_people(page: TheWebPage) -> PageAnswer:
    """Show the people."""
    with page.hub.database.reading() as session:
        found = lists.read(page, session, people.choose(hubwide_too=page.caller.is_hubwide), _COLUMNS)
    return page.show("people/list.html", rows=found.rows, next=found.next)


@router.get("/people/-/new")
def show_invite(page: TheFormPage) -> PageAnswer:
    """Show the form that invites somebody."""
    return page.show("people/new.html", form={"role": Role.OPERATOR.value}, fault=None, roles=_roles(page))


@router.post("/people/-/new")
def invite(page: TheFormPage, form: TheForm, url: ThePeoplesUrl) -> PageAnswer:
    """Invite somebody, and show the link, once."""
    try:
        body = NewPerson(
            name=form.get("name", ""),
            display_name=form.get("display_name", ""),
            role=_role(form.get("role", "")),
            limited_to=typed_scope(form),
        )
        made = api.invite_person(body, page.hub, page.caller, url)
    except ValidationError:
        return page.refused("people/new.html", _too_long(), form, roles=_roles(page))
    except BadInput as fault:
        return page.refused("people/new.html", fault, form, roles=_roles(page))
    return page.show("people/invitation.html", person=made)


@router.get("/people/{person}")
def show_person(person: str, page: TheWebPage) -> PageAnswer:
    """Show somebody, and where they are signed in."""
    return _shown(page, _get(page, person))


@router.get("/people/{person}/change")
def show_change(person: str, page: TheFormPage) -> PageAnswer:
    """Show the form that changes somebody's names and role."""
    row = _get(page, person)
    form = {"name": row.name, "display_name": row.display_name, "role": row.role, **scope_in_form(row.limited_to)}
    return page.show("people/change.html", person=row, form=form, fault=None, roles=_roles(page))


@router.post("/people/{person}/change")
def change(person: str, page: TheFormPage, form: TheForm) -> Response:
    """Change somebody's names and role."""
    row = _get(page, person)
    try:
        body = PersonChanges(
            name=form.get("name", ""),
            display_name=form.get("display_name", ""),
            role=_role(form.get("role", "")),
            limited_to=typed_scope(form),
        )
        api.change_person(row.id, body, page.hub, page.caller)
    except ValidationError:
        return page.refused("people/change.html", _too_long(), form, person=row, roles=_roles(page))
    except BadInput as fault:
        return page.refused("people/change.html", fault, form, person=row, roles=_roles(page))
    return page.go("people", row.id, done="saved")


@router.post("/people/{person}/disable")
def disable(person: str, page: TheFormPage) -> Response:
    """Let somebody sign in no more."""
    return _changed(page, person, PersonChanges(disabled=True))


@router.post("/people/{person}/enable")
def enable(person: str, page: TheFormPage) -> Response:
    """Let somebody sign in again."""
    return _changed(page, person, PersonChanges(disabled=False))


@router.post("/people/{person}/second-step/remove")
def remove_second_step(person: str, page: TheFormPage) -> Response:
    """Let somebody sign in by password alone, who has lost their app."""
    return _changed(page, person, PersonChanges(second_step=False))


@router.post("/people/{person}/invitation")
def invite_again(person: str, page: TheFormPage, url: ThePeoplesUrl) -> PageAnswer:
    """Make another link for somebody, and show it, once."""
    return page.show("people/invitation.html", person=api.invite_person_again(person, page.hub, page.caller, url))


@router.post("/people/{person}/sessions/end")
def end_sessions(person: str, page: TheFormPage) -> Response:
    """End all sessions of somebody."""
    sessions_api.end_sessions_of_person(person, page.hub, page.caller)
    return page.go("people", person, done="session-ended")


@router.post("/people/{person}/passkeys/{passkey}/remove")
def remove_passkey(person: str, passkey: str, page: TheFormPage) -> Response:
    """Remove a passkey of somebody, and end their sessions."""
    passkeys_api.remove_passkey(person, passkey, page.hub, page.caller)
    return page.go("people", person, done="person-passkey-removed")


@router.get("/people/{person}/remove")
def ask_to_remove(person: str, page: TheFormPage) -> PageAnswer:
    """Ask whether somebody is to be removed."""
    return _asked_to_remove(page, _get(page, person))


@router.post("/people/{person}/remove")
def remove(person: str, page: TheFormPage) -> Response:
    """Remove somebody."""
    row = _get(page, person)
    try:
        api.remove_person(row.id, page.hub, page.caller)
    except BadInput as fault:
        return _asked_to_remove(page, row, fault)
    return page.go("people", done="removed")


def _changed(page: WebPage, person: str, changes: PersonChanges) -> Response:
    row = _get(page, person)
    try:
        api.change_person(row.id, changes, page.hub, page.caller)
    except BadInput as fault:
        return _shown(page, row, fault)
    return page.go("people", row.id, done="saved")


def _shown(page: WebPage, row: PersonRow, fault: BadInput | None = None) -> PageAnswer:
    with page.hub.database.reading() as session:
        found = sessions.of_person(session, row.id, page.now)
        keys = passkeys.of_person(session, row)
        tokens = api_tokens.made_by(session, row.id, page.now, hubwide_too=page.caller.is_hubwide)
    status = 200 if fault is None else status_of(fault)
    return page.show(
        "people/person.html", status, person=row, sessions=found, passkeys=keys, host=host_of(page.hub.people_url),
        tokens=tokens, fault=fault,
    )  # fmt: skip


def _asked_to_remove(page: WebPage, row: PersonRow, fault: BadInput | None = None) -> PageAnswer:
    with page.hub.database.reading() as session:
        tokens = api_tokens.made_by(session, row.id, page.now, hubwide_too=page.caller.is_hubwide)
    status = 200 if fault is None else status_of(fault)
    return page.show("people/remove.html", status, person=row, tokens=tokens, fault=fault)


def _get(page: WebPage, person: str) -> PersonRow:
    with page.hub.database.reading() as session:
        return people.get(session, person, hubwide_too=page.caller.is_hubwide)


def _roles(page: WebPage) -> list[tuple[str, str]]:
    """Return the roles that somebody may give, with what they are for."""
    own = RIGHTS[page.caller.role]
    return [(role.value, f"{role}: {_FOR[role]}") for role in Role if role in _FOR and RIGHTS[role] <= own]


_FOR = {
    Role.OWNER: "everything",
    Role.ADMINISTRATOR: "everything but what is for owners alone",
    Role.OPERATOR: "edit and publish",
    Role.SUPPORT: "see, reload, diagnose; no secrets",
    Role.INSTALLER: "join edges, adopt phones",
    Role.AUDITOR: "see everything but secrets",
}
"""What the roles are for that people have; the others are for programs."""


def _role(word: str) -> Role:
    try:
        return Role(word)
    except ValueError:
        raise BadSelection("this is no role", to_do="Choose one of the list.") from None


def _too_long() -> BadSelection:
    return BadSelection("a name is too long", to_do="Give a shorter one.")
