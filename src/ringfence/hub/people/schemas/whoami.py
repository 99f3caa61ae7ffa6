"""Schemas of the people's API: who asks."""

from pydantic import BaseModel, Field

from ringfence.hub.people.rights import Role
from ringfence.hub.people.schemas import AccessScopeView


class CallerView(BaseModel):
    """The caller, as the hub knows them."""

    id: str
    name: str
    role: Role
    scope: str = Field(description="The role; `admin` for an owner, as it was called before there were roles")
    organisation: str = Field(description="The organisation that the request is about")
    is_hubwide: bool = Field(description="Whether the caller may name any organisation")
    limited_to: AccessScopeView | None = Field(description="The part of the organisation that it is for; null for all")
    hub: str = Field(description="The hub's name")
    version: str = Field(description="The hub's version")
