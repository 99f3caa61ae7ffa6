"""The people's API in words: groups of phones."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Input, UnixSeconds


class NewGroup(Input):
    """A group to make."""

    name: str = Field(examples=["Reception"])


class GroupView(BaseModel):
    """Phones that share settings wherever they stand."""

    id: str
    name: str
    created_at: UnixSeconds
    phones: int = Field(description="How many are in it")
