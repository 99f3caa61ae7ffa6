"""Schemas of the people's API: who asks."""

from pydantic import BaseModel, Field


class CallerView(BaseModel):
    """The caller, as the hub knows them."""

    id: str
    name: str
    hub: str = Field(description="The hub's name")
    version: str = Field(description="The hub's version")
