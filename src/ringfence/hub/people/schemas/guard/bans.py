"""The people's API in words: bans of addresses."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Input, UnixSeconds


class NewGuardBan(Input):
    """An address to leave unanswered."""

    address: str
    site: str | None = Field(default=None, description="Only there; everywhere where it is null")
    lasts_s: float = Field(default=86_400, description="For how long")
    why: str


class GuardBanView(BaseModel):
    """An address that a person has shut out."""

    address: str
    site: str | None
    until: UnixSeconds
    why: str
    who: str
