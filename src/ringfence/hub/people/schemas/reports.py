"""Schemas of the people's API: reports."""

from pydantic import BaseModel

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
    peer: str
    release: int
    size_bytes: int
    duration_s: float
