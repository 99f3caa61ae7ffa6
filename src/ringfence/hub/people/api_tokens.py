"""API tokens: create, list, revoke."""

from fastapi import APIRouter

from ringfence.hub.fleet import access_scopes, api_tokens
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.rights import Role, check_no_more, older_word
from ringfence.hub.people.schemas import AccessScopeView, Items
from ringfence.hub.people.schemas.api_tokens import ApiTokenView, NewApiToken, NewApiTokenView
from ringfence.hub.store import models

router = APIRouter()


@router.get("/api-tokens", tags=["access"])
def list_api_tokens(hub: TheHub, caller: TheCaller) -> Items[ApiTokenView]:
    """List the API tokens; their secrets are not stored."""
    with hub.database.reading() as session:
        return Items(items=[_token(row) for row in api_tokens.find(session, hubwide_too=caller.is_hubwide)])


@router.post("/api-tokens", status_code=201, tags=["access"])
def create_api_token(body: NewApiToken, hub: TheHub, caller: TheCaller) -> NewApiTokenView:
    """Create an API token. It is shown only once."""
    check_no_more(caller.role, body.wanted)
    with hub.change(caller.name) as change:
        row, secret = api_tokens.create(
            change, body.name, body.wanted, body.ends_at,
            is_hubwide=caller.is_hubwide and not caller.names_organisation and body.limited_to is None,
            limited_to=access_scopes.of_body(change.session, body.limited_to), created_by_id=caller.id,
        )  # fmt: skip
    return NewApiTokenView(**_token(row).model_dump(), token=secret.reveal())


@router.delete("/api-tokens/{token}", status_code=204, tags=["access"])
def revoke_api_token(token: str, hub: TheHub, caller: TheCaller) -> None:
    """Revoke an API token; requests with it are refused from now on."""
    with hub.change(caller.name) as change:
        row = api_tokens.get(change.session, token, hubwide_too=caller.is_hubwide)
        check_no_more(caller.role, Role(row.role))
        api_tokens.revoke(change, row)


def _token(row: models.ApiTokenRow) -> ApiTokenView:
    return ApiTokenView(
        id=row.id, name=row.name, created_at=row.created_at, created_by=row.created_by,
        role=Role(row.role), scope=older_word(Role(row.role)), is_hubwide=row.is_hubwide,
        limited_to=AccessScopeView.of(row.limited_to), ends_at=row.ends_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )  # fmt: skip
