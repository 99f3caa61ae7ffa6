"""People who sign in: invite, list, change, remove."""

from fastapi import APIRouter
from sqlalchemy.orm import Session

from ringfence.hub.fleet import access_scopes, api_tokens, passkeys, people, second_steps, sign_in_links
from ringfence.hub.people.callers import Caller, TheCaller, TheHub, ThePeoplesUrl
from ringfence.hub.people.pages import ThePage
from ringfence.hub.people.rights import Role, check_no_more
from ringfence.hub.people.schemas import AccessScopeView, Items
from ringfence.hub.people.schemas.people import (
    InvitationView,
    NewPerson,
    OnePersonView,
    PersonChanges,
    PersonsTokenView,
    PersonView,
)
from ringfence.hub.sign_in_errors import SecondStepRefused
from ringfence.hub.store.change import Change
from ringfence.hub.store.people_models import PersonRow

router = APIRouter(tags=["access"])


@router.get("/people")
def list_people(hub: TheHub, caller: TheCaller, page: ThePage) -> Items[PersonView]:
    """List the people who sign in."""
    with hub.database.reading() as session:
        found = people.find(session, page, hubwide_too=caller.is_hubwide)
        counts = passkeys.counts(session, [row.id for row in found.rows])
        return Items.of(found.each(lambda row: _person(row, counts.get(row.id, 0))))


@router.post("/people", status_code=201)
def invite_person(body: NewPerson, hub: TheHub, caller: TheCaller, url: ThePeoplesUrl) -> InvitationView:
    """Invite somebody: the link lets them choose a password."""
    check_no_more(caller.role, body.role)
    is_hubwide = caller.is_hubwide and not caller.names_organisation and body.limited_to is None
    with hub.change(caller.name) as change:
        limited_to = access_scopes.of_body(change.session, body.limited_to)
        person = people.add(
            change, body.name, body.display_name, body.role, is_hubwide=is_hubwide, limited_to=limited_to
        )
        return _invited(change, person, url)


@router.get("/people/{person}")
def show_person(person: str, hub: TheHub, caller: TheCaller) -> OnePersonView:
    """Show somebody, by id or name."""
    with hub.database.reading() as session:
        return _one(session, people.get(session, person, hubwide_too=caller.is_hubwide), hub.clock(), caller)


@router.patch("/people/{person}")
def change_person(person: str, body: PersonChanges, hub: TheHub, caller: TheCaller) -> OnePersonView:
    """Change somebody's names or role, disable or enable them, or take their second step away."""
    if body.role is not None:
        check_no_more(caller.role, body.role)
    if body.second_step:
        raise SecondStepRefused("only they can set up their second step", to_do="They do it on their page, Account.")
    with hub.change(caller.name) as change:
        row = _changeable(change, person, caller)
        if body.name is not None or body.display_name is not None:
            name = row.name if body.name is None else body.name
            display_name = row.display_name if body.display_name is None else body.display_name
            people.change_names(change, row, name, display_name)
        if body.role is not None:
            people.change_role(change, row, body.role)
        if "limited_to" in body.model_fields_set:
            access_scopes.change(change, row, access_scopes.of_body(change.session, body.limited_to))
        if body.disabled is not None:
            (people.disable if body.disabled else people.enable)(change, row)
        if body.second_step is not None:
            second_steps.remove(change, row)
        return _one(change.session, row, change.now, caller)


@router.post("/people/{person}/invitation", status_code=201)
def invite_person_again(person: str, hub: TheHub, caller: TheCaller, url: ThePeoplesUrl) -> InvitationView:
    """Make another link with which somebody chooses a password; the link before it ends, a second step stays."""
    with hub.change(caller.name) as change:
        return _invited(change, _changeable(change, person, caller), url)


@router.delete("/people/{person}", status_code=204)
def remove_person(person: str, hub: TheHub, caller: TheCaller) -> None:
    """Remove somebody; their next request is a stranger's. API tokens that they made go on working."""
    with hub.change(caller.name) as change:
        people.remove(change, _changeable(change, person, caller))


def _changeable(change: Change, person: str, caller: Caller) -> PersonRow:
    """Return somebody whom the caller may change: nobody takes rights that they have not."""
    row = people.get(change.session, person, hubwide_too=caller.is_hubwide)
    check_no_more(caller.role, Role(row.role))
    return row


def _invited(change: Change, person: PersonRow, url: str) -> InvitationView:
    valid_s = sign_in_links.INVITATION_S
    code = sign_in_links.create(change, person, asks_password=True, valid_s=valid_s)
    told = _person(person, passkeys.count(change.session, person)).model_dump()
    return InvitationView(**told, link=sign_in_links.at(url, code), link_ends_at=change.now + valid_s)


def _one(session: Session, row: PersonRow, now: float, caller: Caller) -> OnePersonView:
    tokens = api_tokens.made_by(session, row.id, now, hubwide_too=caller.is_hubwide)
    told = _person(row, passkeys.count(session, row)).model_dump()
    shown = [PersonsTokenView(id=each.id, name=each.name, role=Role(each.role)) for each in tokens]
    return OnePersonView(**told, tokens=shown)


def _person(row: PersonRow, passkeys_of_them: int) -> PersonView:
    return PersonView(
        id=row.id, name=row.name, display_name=row.display_name, role=Role(row.role), is_hubwide=row.is_hubwide,
        limited_to=AccessScopeView.of(row.limited_to),
        has_password=bool(row.password_hash), has_second_step=row.sealed_totp_key is not None,
        passkeys=passkeys_of_them, is_of_provider=row.is_of_provider,
        created_at=row.created_at, created_by=row.created_by, last_signed_in_at=row.last_signed_in_at,
        disabled_at=row.disabled_at,
    )  # fmt: skip
