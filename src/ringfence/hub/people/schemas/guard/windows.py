"""Schemas of the people's API: provisioning windows."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Input, MacText, SiteId, UnixSeconds


class NewGuardWindow(Input):
    """A window to open."""

    lasts_s: float = Field(default=600, description="How long it stays open if it is not used, in seconds")


class GuardWindowView(BaseModel):
    """A provisioning window."""

    id: str
    site: SiteId
    mac: MacText
    who: str
    opened_at: UnixSeconds
    until: UnixSeconds
    bound_to: str = Field(description="The address that took it; empty if none has")
    used_at: UnixSeconds | None
