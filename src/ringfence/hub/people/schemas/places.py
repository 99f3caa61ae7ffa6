"""The people's API in words: sites, enrolment and edges."""

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


class EnrolmentTokenView(BaseModel):
    """A one-time token for one edge, without its secret."""

    id: str
    site: SiteId
    created_at: UnixSeconds
    created_by: str
    expires_at: UnixSeconds
    used_at: UnixSeconds | None
    edge: str | None = Field(description="The edge that used it")
    revoked_at: UnixSeconds | None


class NewEnrolmentTokenView(EnrolmentTokenView):
    """A token that was just made."""

    token: str = Field(description="The token itself, shown this once: for `ringfence edge enrol`")


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
