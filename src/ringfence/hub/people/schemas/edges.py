"""Schemas of the people's API: edges."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Input, SiteId, UnixSeconds


class EdgeView(BaseModel):
    """One enrolled box."""

    id: str
    site: SiteId
    hostname: str
    version: str
    enrolled_at: UnixSeconds
    last_seen: UnixSeconds | None
    connected: bool = Field(description="Whether its event stream is open")
    release: int = Field(description="The release that it last said it serves; 0 before the first")
    fetched_bytes: int = Field(description="Bytes fetched of the release that it is taking; 0 if it is taking none")
    fetching_bytes: int = Field(description="Bytes that it had to fetch for that release")
    certificate_ends_at: UnixSeconds
    revoked_at: UnixSeconds | None
    wipe: bool = Field(description="Whether it must delete what it holds")


class EdgeRevocation(Input):
    """How to revoke an edge."""

    wipe: bool = Field(default=False, description="Ask it to delete what it holds, now or when it comes back")
