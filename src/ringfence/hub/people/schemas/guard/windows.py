"""The people's API in words: provisioning windows."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Input, MacText, SiteId, UnixSeconds


class NewGuardWindow(Input):
    """A window to open."""

    lasts_s: float = Field(default=600, description="For how long, if it is not used before")


class GuardWindowView(BaseModel):
    """A provisioning window."""

    id: str
    site: SiteId
    mac: MacText
    who: str
    opened_at: UnixSeconds
    until: UnixSeconds
    bound_to: str = Field(description="The address that it belongs to; empty while it is free")
    used_at: UnixSeconds | None
