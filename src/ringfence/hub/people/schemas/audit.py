"""Schemas of the people's API: the audit log."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import UnixSeconds


class AuditEntryView(BaseModel):
    """One entry of the audit log: who did what to what."""

    id: int
    at: UnixSeconds
    who: str
    token: str = Field(description="The id of the API token that it was done with; empty if with none")
    address: str = Field(description="Where the request came from; empty if it was none")
    action: str
    object: str
    detail: str
