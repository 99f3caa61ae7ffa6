"""The people's API in words: sites."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Input, SiteId, UnixSeconds


class NewSite(Input):
    """A site to make."""

    name: str = Field(description="For people", examples=["Home office Anna"])
    id: str = Field(default="", description="Its id; made from the name where it is left out")


class SiteChanges(Input):
    """A site's new name."""

    name: str


class SiteView(BaseModel):
    """One place with phones and an edge."""

    id: SiteId
    name: str
    created_at: UnixSeconds
    phones: int = Field(description="How many stand there")
    edges: int = Field(description="How many are let in")
    release: int = Field(description="The newest release's number; 0 before the first")
