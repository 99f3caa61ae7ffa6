"""Schemas of the people's API: sites."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Input, SiteId, UnixSeconds


class NewSite(Input):
    """A site to create."""

    name: str = Field(description="For people", examples=["Home office Anna"])
    id: str = Field(default="", description="Its id; derived from the name if left out")


class SiteChanges(Input):
    """A site's new name."""

    name: str


class SiteView(BaseModel):
    """One place with phones and an edge."""

    id: SiteId
    name: str
    created_at: UnixSeconds
    phones: int = Field(description="Number of phones")
    edges: int = Field(description="Number of edges that are not revoked")
    release: int = Field(description="The number of the newest release; 0 before the first")
