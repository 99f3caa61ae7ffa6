"""Schemas of the people's API: groups of phones."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Input, UnixSeconds


class NewGroup(Input):
    """A group to create."""

    name: str = Field(examples=["Reception"])


class GroupView(BaseModel):
    """Phones that share settings, whatever their site."""

    id: str
    name: str
    created_at: UnixSeconds
    phones: int = Field(description="Number of phones in it")
