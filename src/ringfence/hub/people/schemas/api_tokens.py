"""Schemas of the people's API: API tokens."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Input, UnixSeconds
from ringfence.hub.people.scopes import TokenScope


class NewApiToken(Input):
    """An API token to create."""

    name: str = Field(description="Who or what it is for")
    scope: TokenScope = Field(
        default=TokenScope.ADMIN,
        description="`admin`: everything; `read`: reading what holds no secret; `metrics`: /metrics alone",
    )
    ends_at: float | None = Field(default=None, description="Unix seconds; null for no end")


class ApiTokenView(BaseModel):
    """An API token, without its secret."""

    id: str
    name: str
    created_at: UnixSeconds
    created_by: str
    scope: TokenScope
    ends_at: UnixSeconds | None
    last_used_at: UnixSeconds | None
    revoked_at: UnixSeconds | None


class NewApiTokenView(ApiTokenView):
    """A new API token."""

    token: str = Field(description="The token itself, shown only once")
