"""API tokens: programs' way in."""

from fastapi import APIRouter, Response

from ringfence.errors import RingfenceError
from ringfence.hub.fleet import access_scopes, api_tokens
from ringfence.hub.people.forms import NO_FORM, Form, TheForm
from ringfence.hub.people.rights import RIGHTS, Role, check_no_more
from ringfence.hub.store.models import ApiTokenRow, name_key
from ringfence.hub.web import lists
from ringfence.hub.web.access_scopes import typed_scope
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.page import FieldRefused, TheFormPage, TheWebPage, WebPage

router = APIRouter(prefix="/api-tokens")

_LONGEST_DAYS = 3650
_CELLS: lists.Cells[ApiTokenRow] = {
    "name": lambda row: name_key(row.name),
    "role": lambda row: row.role,
    "used": lambda row: row.last_used_at,
    "ends": lambda row: row.ends_at,
}


@router.get("")
def list_tokens(page: TheWebPage) -> PageAnswer:
    """Show the API tokens, which are stored without their secrets."""
    return _list(page)


@router.post("")
def create_token(page: TheFormPage, form: TheForm) -> PageAnswer:
    """Create an API token and show it, this once."""
    caller = page.caller
    try:
        role = _role(form.get("role", ""))
        check_no_more(caller.role, role)
        wanted, ends_at = typed_scope(form), None
        if form.get("days", "").strip():
            ends_at = page.now + page.number(form, "days", least=1, most=_LONGEST_DAYS) * 86_400
        with page.hub.change(caller.name) as change:
            row, secret = api_tokens.create(
                change, form.get("name", ""), role, ends_at,
                is_hubwide=caller.is_hubwide and not caller.names_organisation and wanted is None,
                limited_to=access_scopes.of_body(change.session, wanted), created_by_id=caller.id,
            )  # fmt: skip
            name = row.name
    except RingfenceError as fault:
        return _list(page, fault, form)
    return page.show("api_tokens/created.html", name=name, role=role, text=secret.reveal())


@router.get("/{token}/revoke")
def ask_to_revoke(token: str, page: TheFormPage) -> PageAnswer:
    """Ask whether a token is to be revoked."""
    with page.hub.database.reading() as session:
        row = api_tokens.get(session, token, hubwide_too=page.caller.is_hubwide)
        return page.show("api_tokens/revoke.html", token=row, fault=None)


@router.post("/{token}/revoke")
def revoke_token(token: str, page: TheFormPage) -> Response:
    """Revoke a token; requests with it are refused from now on."""
    with page.hub.database.reading() as session:
        shown = api_tokens.get(session, token, hubwide_too=page.caller.is_hubwide)
    try:
        with page.hub.change(page.caller.name) as change:
            row = api_tokens.get(change.session, token, hubwide_too=page.caller.is_hubwide)
            check_no_more(page.caller.role, Role(row.role))
            api_tokens.revoke(change, row)
    except RingfenceError as fault:
        return page.refused("api_tokens/revoke.html", fault, token=shown)
    return page.go("api-tokens", done="revoked")


def _role(word: str) -> Role:
    try:
        return Role(word)
    except ValueError:
        raise FieldRefused("role", f"there is no role {word[:40]!r}", to_do="Choose one.") from None


def _list(page: WebPage, fault: RingfenceError | None = None, form: Form = NO_FORM) -> PageAnswer:
    with page.hub.database.reading() as session:
        found = lists.cut(page, api_tokens.find(session, hubwide_too=page.caller.is_hubwide), _CELLS)
    roles = [(str(role), str(role)) for role in Role if RIGHTS[role] <= RIGHTS[page.caller.role]]
    values = {"rows": found.rows, "next": found.next, "roles": roles}
    if fault is None:
        return page.show("api_tokens/list.html", fault=None, form=form, **values)
    return page.refused("api_tokens/list.html", fault, form, **values)
