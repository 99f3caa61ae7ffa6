"""Schemas of the people's API: API tokens."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Input, UnixSeconds


class NewApiToken(Input):
    """An API token to create."""

    name: str = Field(description="Who or what it is for")


class ApiTokenView(BaseModel):
    """An API token, without its secret."""

    id: str
    name: str
    created_at: UnixSeconds
    created_by: str
    last_used_at: UnixSeconds | None
    revoked_at: UnixSeconds | None


class NewApiTokenView(ApiTokenView):
    """A new API token."""

    token: str = Field(description="The token itself, shown only once")
