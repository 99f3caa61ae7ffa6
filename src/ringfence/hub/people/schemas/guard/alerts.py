"""Schemas of the people's API: alerts."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import SiteId, UnixSeconds


class GuardAlertView(BaseModel):
    """Something that needs a person's attention."""

    id: int
    site: SiteId | None = Field(description="null where it is about the hub itself")
    kind: str
    subject: str = Field(description="A bare MAC address, an IP address, an edge's id, or hub")
    first_at: UnixSeconds
    last_at: UnixSeconds
    count: int
    sentence: str
    peer: str = Field(description="The address that asked last")
    model: str = Field(description="The phone's model, or the likely one; empty if unknown")
    closed_at: UnixSeconds | None
    closed_by: str
