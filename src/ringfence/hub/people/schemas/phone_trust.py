"""Schemas of the people's API: how far phones are with files that only they accept."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import UnixSeconds
from ringfence.phones.trust.state import Transport, Trust, TrustState


class PhoneTrustView(BaseModel):
    """How far one phone is."""

    mac: str
    site: str
    model: str
    description: str
    wanted: Trust = Field(description="The setting: off, signed or encrypted")
    state: TrustState
    transport: Transport = Field(description="The setting trust_transport: files or https")
    has_https_list: bool = Field(description="Whether the list that was served to it last makes it ask by HTTPS")
    https_at: UnixSeconds | None = Field(description="When it last took its configuration by HTTPS")
    fell_back_at: UnixSeconds | None = Field(
        description="When it last took its signed configuration as a file though its list says HTTPS; "
        "null since it came by HTTPS"
    )
    holds_list: bool = Field(description="Whether it may hold a list of this organisation, and refuse other files")
    has_newest_list: bool = Field(description="Whether the list that it finds now was served to it whole")
    list_taken_at: UnixSeconds | None
    signed_at: UnixSeconds | None = Field(description="When it first took a signed file with a list of ours")
    encrypted_at: UnixSeconds | None
    profile_key: int | None = Field(description="SPA and Multiplatform phones: which of its keys it is to have, from 1")
    has_newest_key: bool | None = Field(
        description="Whether it was seen to take a profile by that key; null: it has none"
    )
    asked_in_vain_at: UnixSeconds | None = Field(
        description="When its first profile was asked for and not found, which a phone does that was reset"
    )
    release_asked_at: UnixSeconds | None
    released_at: UnixSeconds | None
    holds_foreign_list: bool = Field(description="Whether it was seen to hold somebody else's list, and that stands")
    next_step: str = Field(description="What comes next, and what it waits for")


class PhoneTakeoverView(PhoneTrustView):
    """How far one phone is, and how it is taken over from whoever had it before."""

    steps: list[str] = Field(
        description="What to do with it, if it holds somebody else's list; none if its family can't"
    )
    worked_when: str = Field(description="By what one sees that it worked")
