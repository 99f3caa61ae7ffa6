"""The people's API in words: the audit log."""

from pydantic import BaseModel

from ringfence.hub.people.schemas import UnixSeconds


class AuditEntryView(BaseModel):
    """Who did what to what."""

    id: int
    at: UnixSeconds
    who: str
    action: str
    object: str
    detail: str
