"""Schemas of the people's API: rollouts."""

from typing import Annotated

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Flag, Input, MacText, SiteId, UnixSeconds


class NewRolloutOrder(Input):
    """A rollout to begin."""

    name: str = Field(examples=["New firmware for reception"])
    sites: list[str] | None = Field(default=None, description="Only these sites; null for all that are due")
    waves: list[Annotated[str, Field(max_length=80)]] = Field(
        default=["1", "10%", "rest"],
        max_length=20,
        description="One after the other: a number of sites, a share of all (10%), site:ID, group:ID, or rest",
    )
    gate_minutes: int = Field(
        default=30, ge=2, le=10_080, description="How long phones have to take their files and to register"
    )
    most_failed_percent: int = Field(default=0, ge=0, le=100, description="Above it the rollout pauses by itself")
    hours: str = Field(default="", description="When sites are published; empty for any time", examples=["22:00-05:00"])
    time_zone: str = Field(default="", description="Of the hours; an IANA name")
    when_idle: Flag = Field(
        default=False, description="Whether phones that are told by keys wait until nobody uses them"
    )


class RolloutView(BaseModel):
    """A publish in waves."""

    id: str
    name: str
    who: str
    created_at: UnixSeconds
    changed_at: UnixSeconds
    state: str = Field(description="running, paused, done or cancelled")
    why: str = Field(description="Why it is paused; empty if it is not")
    wave: int
    waves: int


class RolloutSiteView(BaseModel):
    """A site of a rollout."""

    site: SiteId
    wave: int
    state: str = Field(description="waiting, publishing, published, passed, failed or gone")
    release: int = Field(description="The release that it got; 0 before, and where nothing changed")
    problem: str


class RolloutPhoneView(BaseModel):
    """A phone that a rollout went wrong for."""

    mac: MacText
    site: SiteId
    problem: str


class RolloutDetailsView(RolloutView):
    """A rollout with what became of its sites and phones."""

    gate_minutes: int
    most_failed_percent: int
    hours: str
    time_zone: str
    when_idle: bool
    phones: dict[str, int] = Field(description="Number of phones by state: waiting, passed, failed, gone")
    sites: list[RolloutSiteView]
    failed: list[RolloutPhoneView] = Field(description="The first phones that it went wrong for")


class RolloutRetriedView(BaseModel):
    """What is tried again."""

    rollout: RolloutView
    phones: int = Field(description="How many phones are waited for again; the hub tells them in portions")
