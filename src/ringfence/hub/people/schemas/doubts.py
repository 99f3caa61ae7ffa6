"""Schemas of the people's API: doubts."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import SiteId, UnixSeconds


class DoubtView(BaseModel):
    """Something that a restored hub does not know enough of."""

    site: SiteId
    edge: str | None = Field(description="The edge that it is about; null for the whole site")
    since: UnixSeconds
    why: str
    to_do: str = Field(description="What a person can do, in words")
