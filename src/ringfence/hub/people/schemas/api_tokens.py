"""The people's API in words: API tokens."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Input, UnixSeconds


class NewApiToken(Input):
    """An API token to make."""

    name: str = Field(description="Whose or what for")


class ApiTokenView(BaseModel):
    """A way into this API, without its secret."""

    id: str
    name: str
    created_at: UnixSeconds
    created_by: str
    last_used_at: UnixSeconds | None
    revoked_at: UnixSeconds | None


class NewApiTokenView(ApiTokenView):
    """A token that was just made."""

    token: str = Field(description="The token itself, shown this once")
