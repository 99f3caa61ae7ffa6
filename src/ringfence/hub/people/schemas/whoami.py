"""Schemas of the people's API: who asks."""

from pydantic import BaseModel, Field

from ringfence.hub.people.scopes import TokenScope


class CallerView(BaseModel):
    """The caller, as the hub knows them."""

    id: str
    name: str
    scope: TokenScope
    hub: str = Field(description="The hub's name")
    version: str = Field(description="The hub's version")
