"""Schemas of the people's API: edges."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Flag, Input, SiteId, UnixSeconds


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
    keeps_serving: bool = Field(description="Whether it goes on giving secrets to its phones though it is revoked")
    problem: str = Field(
        description="What keeps it from its work, as it says: disk-full, disk-fault, content-refused, other, or empty"
    )
    problem_text: str = Field(description="The same in words")
    problem_since: UnixSeconds | None
    clock_off_s: float = Field(description="By how many seconds its clock was ahead of the hub's")
    disk_free_bytes: int | None = Field(description="Room on its disk; null if it has not said")
    http_addresses: list[str] = Field(
        default=[], description="Where phones in its room reach its HTTP, as it says; private addresses alone"
    )
    jobs_allowed: list[str] = Field(
        default=[], description="Which jobs its own policy file allows, as it says; empty if it has not said"
    )
    jobs_problem: str = Field(default="", description="Why that file can't be used; then it refuses every job")
    mode: str = Field(
        default="", description="How it says that it keeps its files: open, sealed, locked while it waits for its key"
    )
    told_at: UnixSeconds | None = Field(
        description="When it last told which versions it has; null before it did, and since the hub was restored"
    )


class EdgeRevocation(Input):
    """How to revoke an edge."""

    wipe: Flag = Field(default=False, description="Ask it to delete what it holds, now or when it comes back")
    keeps_serving: Flag = Field(
        default=False, description="Let it go on giving the secrets that it has to its phones; not with wipe"
    )
