"""Schemas of the people's API: sessions."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import UnixSeconds


class SessionView(BaseModel):
    """A browser in which somebody is signed in."""

    id: str
    person: str = Field(description="The person's id")
    is_current: bool = Field(description="Whether it is the one that this request is from")
    created_at: UnixSeconds
    last_used_at: UnixSeconds
    ends_at: UnixSeconds
    address: str = Field(description="Where the browser was when it signed in")
    agent: str = Field(description="Which browser it is, as far as it says so", examples=["Firefox 140 on Linux"])
