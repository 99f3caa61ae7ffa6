"""Schemas of the people's API: activation codes."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Input, MacText, SiteId, UnixSeconds


class PreparedLine(Input):
    """A line that a prepared phone will have."""

    index: int = Field(ge=1, le=1000)
    name: str = Field(description="The SIP user", examples=["201"])
    label: str = Field(default="", description="What the key shows; empty for the name")
    display_name: str = Field(default="", description="What others see; empty for the label")
    auth_name: str = ""
    password: str | None = Field(default=None, description="Generated for the phone if it is left out")


class NewActivation(Input):
    """A phone to prepare without its MAC address."""

    site: str = Field(default="", description="Empty for any of the organisation's sites")
    model: str = Field(default="", examples=["9971"], description="Empty for any")
    description: str = ""
    group: str = Field(default="", description="A group's id; empty for none")
    lines: list[PreparedLine] = Field(default=[], max_length=100)


class ActivationLineView(BaseModel):
    """A line of a prepared phone, without its password; an empty part is left to the phone."""

    index: int
    name: str
    label: str
    display_name: str
    auth_name: str


class ActivationView(BaseModel):
    """A prepared phone, without its code."""

    id: str
    ending: str = Field(description="The code's last characters, by which people tell codes apart")
    state: str = Field(description="open, used, revoked or ended")
    site: str | None = Field(description="null for any")
    model: str = Field(description="Empty for any")
    description: str
    group: str | None
    lines: list[ActivationLineView] = Field(description="Until the phone has them")
    created_at: UnixSeconds
    created_by: str
    ends_at: UnixSeconds
    used_at: UnixSeconds | None
    used_by: str
    mac: MacText | None = Field(description="The phone that was adopted with it")
    revoked_at: UnixSeconds | None


class NewActivationView(ActivationView):
    """A newly prepared phone."""

    code: str = Field(description="What whoever stands at the phone tells, once; shown only here")


class ActivationUse(Input):
    """A code that somebody at a phone tells."""

    code: str = Field(max_length=100, examples=["7KM-X3P-9QA"])
    phone: str = Field(
        max_length=40,
        examples=["9A10"],
        description="The end of the MAC address of a phone that waits: four digits at least",
    )
    site: SiteId = Field(default="", description="Its site, where phones at several would fit")
    model: str = Field(default="", description="Its model, where the hub could not tell, or guessed wrongly")
