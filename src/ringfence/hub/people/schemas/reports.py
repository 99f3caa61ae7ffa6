"""Schemas of the people's API: reports."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import UnixSeconds


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
    counts: bool = Field(description="Whether it counts for the phone: its edge is at the phone's site")
    peer: str
    release: int
    size_bytes: int
    duration_s: float
