"""Schemas of the people's API: how a phone gets its files by HTTPS."""

from typing import Literal

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Input, MacText, UnixSeconds


class UrlKeyView(BaseModel):
    """The key in a phone's URL, which is not shown again."""

    made_at: UnixSeconds
    made_by: str
    until: UnixSeconds = Field(description="Until when it must have been used first")
    networks: list[str] = Field(description="Where it may be used from; empty: where it was first used")
    bound_at: UnixSeconds | None = Field(description="When it was first used; null: not yet")
    bound_agent: str = Field(description="What its first user said of itself: address, serial number, model")
    bound_network: str
    used_at: UnixSeconds | None = Field(description="When it was last used, to an hour")


class PhoneHttpsView(BaseModel):
    """How a phone gets its files by HTTPS."""

    mac: MacText
    url: str = Field(description="The one URL for the phone or its maker's redirection; empty: no listener for it")
    rule: str = Field(description="The phone's profile rule; empty: it fetches from its edge")
    is_old: bool = Field(description="Whether it speaks TLS 1.0 alone, and so has the address for old phones")
    proof: Literal["certificate", "url-key", "none"] = Field(description="By what the hub would know the phone")
    level: Literal["L0", "L1", "L4"] = Field(description="How much that proves")
    meaning: str = Field(description="The same in words")
    certificate_seen_at: UnixSeconds | None = Field(description="When it last showed a certificate that counts")
    key: UrlKeyView | None
    next_step: str


class SitePhoneHttpsView(PhoneHttpsView):
    """How a phone of a site comes to the hub by HTTPS, for whoever goes from phone to phone."""

    model: str
    description: str
    what_to_type: str = Field(description="What to type at the phone, in words; empty: no listener for it")
    first_contact: str = Field(description="By what the hub knows the phone when it comes first, in words")
    works_when: str = Field(description="What the hub sees when it worked, in words; empty: no listener for it")


class NewUrlKey(Input):
    """A key to make for a phone's URL."""

    networks: list[str] = Field(
        default=[], max_length=8, description="Where it may be used from; empty: where it is first used"
    )


class NewUrlKeyView(PhoneHttpsView):
    """A phone with a new key in its URL."""

    secret_url: str = Field(description="The URL with the key, shown once")
