"""The people's API in words: API tokens, the audit log, reports, and who asks."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Input, UnixSeconds


class CallerView(BaseModel):
    """Whom the hub takes the caller for."""

    id: str
    name: str
    hub: str = Field(description="The hub's name")
    version: str = Field(description="The hub's version")


class NewApiToken(Input):
    """An API token to make."""

    name: str = Field(description="Whose or what for")


class ApiTokenView(BaseModel):
    """A way into this API, without its secret."""

    id: str
    name: str
    created_at: UnixSeconds
    created_by: str
    last_used_at: UnixSeconds | None
    revoked_at: UnixSeconds | None


class NewApiTokenView(ApiTokenView):
    """A token that was just made."""

    token: str = Field(description="The token itself, shown this once")


class AuditEntryView(BaseModel):
    """Who did what to what."""

    id: int
    at: UnixSeconds
    who: str
    action: str
    object: str
    detail: str


class ReportView(BaseModel):
    """One thing that happened at an edge."""

    id: int
    edge: str
    site: str
    seq: int
    at: UnixSeconds
    received_at: UnixSeconds
    kind: str
    sentence: str
    name: str
    owner: str | None
    peer: str
    release: int
    size_bytes: int
    duration_s: float
