"""API tokens: create, list, revoke."""

from fastapi import APIRouter

from ringfence.hub.fleet import api_tokens
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.api_tokens import ApiTokenView, NewApiToken, NewApiTokenView
from ringfence.hub.people.scopes import TokenScope
from ringfence.hub.store import models

router = APIRouter()


@router.get("/api-tokens", tags=["access"])
def list_api_tokens(hub: TheHub, _caller: TheCaller) -> Items[ApiTokenView]:
    """List the API tokens; their secrets are not stored."""
    with hub.database.reading() as session:
        return Items(items=[_token(row) for row in api_tokens.find(session)])


@router.post("/api-tokens", status_code=201, tags=["access"])
def create_api_token(body: NewApiToken, hub: TheHub, caller: TheCaller) -> NewApiTokenView:
    """Create an API token. It is shown only once."""
    with hub.change(caller.name) as change:
        row, secret = api_tokens.create(change, body.name, body.scope, body.ends_at)
    return NewApiTokenView(**_token(row).model_dump(), token=secret.reveal())


@router.delete("/api-tokens/{token}", status_code=204, tags=["access"])
def revoke_api_token(token: str, hub: TheHub, caller: TheCaller) -> None:
    """Revoke an API token; requests with it are refused from now on."""
    with hub.change(caller.name) as change:
        api_tokens.revoke(change, token)


def _token(row: models.ApiTokenRow) -> ApiTokenView:
    return ApiTokenView(
        id=row.id, name=row.name, created_at=row.created_at, created_by=row.created_by,
        scope=TokenScope(row.scope), ends_at=row.ends_at, last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )  # fmt: skip
