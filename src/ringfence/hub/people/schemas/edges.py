"""The people's API in words: edges."""

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
    fetched_bytes: int = Field(description="Of the release that it is taking; 0 while it takes none")
    fetching_bytes: int = Field(description="How much it had to fetch for that")
    certificate_ends_at: UnixSeconds
    revoked_at: UnixSeconds | None
    wipe: bool = Field(description="Whether it is to remove what it holds")


class EdgeRevocation(Input):
    """How to revoke an edge."""

    wipe: bool = Field(default=False, description="Ask it to remove what it holds, now or when it comes back")
