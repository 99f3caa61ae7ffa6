"""Schemas of the people's API: the audit log."""

from pydantic import BaseModel

from ringfence.hub.people.schemas import UnixSeconds


class AuditEntryView(BaseModel):
    """One entry of the audit log: who did what to what."""

    id: int
    at: UnixSeconds
    who: str
    action: str
    object: str
    detail: str
