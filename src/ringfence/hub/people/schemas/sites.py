"""Schemas of the people's API: sites."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Input, SiteId, UnixSeconds


class NewSite(Input):
    """A site to create."""

    name: str = Field(description="For people", examples=["Home office Anna"])
    id: str = Field(default="", description="Its id; derived from the name if left out")


class SiteChanges(Input):
    """Changes to a site; what is left out stays as it is."""

    name: str | None = None
    firmware_waits_s: int | None = Field(
        default=None, ge=0, le=366 * 86_400, description="Seconds for which new firmware waits for an edge that is away"
    )


class SiteView(BaseModel):
    """One place with phones and an edge."""

    id: SiteId
    name: str
    created_at: UnixSeconds
    phones: int = Field(description="Number of phones")
    edges: int = Field(description="Number of edges that are not revoked")
    release: int = Field(description="The number of the newest release; 0 before the first")
    firmware_waits_s: float = Field(description="Seconds for which new firmware waits for an edge that is away")
    held_since: float | None = Field(description="Unix seconds; since then publishing leaves it out. Null: it does not")
    held_by: str
    held_why: str
