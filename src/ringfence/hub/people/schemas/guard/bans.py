"""Schemas of the people's API: bans of addresses."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Input, UnixSeconds


class NewGuardBan(Input):
    """An address to ban."""

    address: str
    site: str | None = Field(default=None, description="Only at this site; null for everywhere")
    lasts_s: float = Field(default=86_400, description="How long the ban lasts, in seconds")
    why: str


class GuardBanView(BaseModel):
    """An address that a person has banned."""

    address: str
    site: str | None
    until: UnixSeconds
    why: str
    who: str
