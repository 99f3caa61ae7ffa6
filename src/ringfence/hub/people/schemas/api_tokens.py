"""Schemas of the people's API: API tokens."""

from typing import Literal

from pydantic import BaseModel, Field

from ringfence.hub.people.rights import Role, role_of
from ringfence.hub.people.schemas import AccessScopeView, Input, NewAccessScope, UnixSeconds


class NewApiToken(Input):
    """An API token to create."""

    name: str = Field(description="Who or what it is for")
    role: Role | None = Field(default=None, description="What it is for; `owner`, for everything, if none is given")
    scope: Literal["admin", "read", "metrics"] | None = Field(
        default=None, description="The role by its older name: `admin` stands for `owner`"
    )
    limited_to: NewAccessScope | None = Field(
        default=None, description="The part of the organisation that it is for; null for all of it"
    )
    ends_at: float | None = Field(default=None, description="Unix seconds; null for no end")

    @property
    def wanted(self) -> Role:
        """The role that it is to have."""
        return self.role or (role_of(self.scope) if self.scope else Role.OWNER)


class ApiTokenView(BaseModel):
    """An API token, without its secret."""

    id: str
    name: str
    created_at: UnixSeconds
    created_by: str
    role: Role
    scope: str = Field(description="The role; `admin` for an owner, as it was called before there were roles")
    is_hubwide: bool = Field(description="Whether it is for every organisation of the hub")
    limited_to: AccessScopeView | None = Field(description="The part of the organisation that it is for; null for all")
    ends_at: UnixSeconds | None
    last_used_at: UnixSeconds | None
    revoked_at: UnixSeconds | None


class NewApiTokenView(ApiTokenView):
    """A new API token."""

    token: str = Field(description="The token itself, shown only once")
