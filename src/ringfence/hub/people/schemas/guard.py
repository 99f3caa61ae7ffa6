"""The people's API in words: what a site's guard asks."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import (
    Input,
    MacText,
    SiteId,
    UnixSeconds,
)

_KINDS = "firmware, shared, configuration or secret"


class GuardNeedView(BaseModel):
    """What a kind of file needs."""

    kind: str = Field(description=_KINDS)
    level: str = Field(description="The level that an edge asks for", examples=["L3"])
    proves: str = Field(description="What that level proves of who asks")
    default: str = Field(description="The level where nothing is set")


class GuardPolicyView(BaseModel):
    """What one site asks of whoever wants a file."""

    site: SiteId
    version: int = Field(description="Grows with whatever changes what the site's edges go by")
    needs: list[GuardNeedView]
    networks: list[str] = Field(description="Outside these an address gets nothing; empty: any may ask")
    first_contact: str = Field(description="What a phone needs that was never let in: allow, hold, window or dhcp")
    gateway: str = Field(description="Whether a gateway may serve the site to the internet: off, windows or stubs")
    edge_moves: str = Field(description="When an edge connects from a new network: ignore, alert or hold")
    learned_days: int = Field(description="How long an address that used a window stays known")


class GuardPolicyChanges(Input):
    """Parts of what a site asks; a part that is null stays as it is."""

    needs: dict[str, str] | None = Field(
        default=None, description=f"{_KINDS} → L0 to L5, or default", examples=[{"secret": "L1"}]
    )
    networks: list[str] | None = Field(default=None, description="All of them, in the place of those before")
    first_contact: str | None = None
    gateway: str | None = None
    edge_moves: str | None = None
    learned_days: int | None = None


class GuardDecisionView(BaseModel):
    """One decision, as an edge told of it."""

    id: int
    at: UnixSeconds
    edge: str
    site: str
    verdict: str = Field(description="allow, refuse, delay, or ban")
    finding: str = Field(description="The guard's word for why")
    reached: str = Field(description="The level that the evidence proved; empty where that was not told")
    needed: str = Field(description="The level that the file needed; empty where that was not told")
    name: str
    owner: str | None = Field(description="The bare MAC address of the phone that the file is for")
    peer: str = Field(description="The address that asked")
    count: int = Field(description="How often that happened, told as one")
    sentence: str


class GuardExplanationView(BaseModel):
    """The last decision about a phone, made again from its record."""

    at: UnixSeconds
    site: SiteId
    edge: str
    sentence: str = Field(description="The decision, by the policy of then")
    reasons: list[str] = Field(description="What was known, a line each")
    same_today: bool = Field(description="Whether today's policy would answer the same to the same evidence")
    today: str = Field(description="The decision by today's policy")


class GuardAlertView(BaseModel):
    """Something that a person should look at."""

    id: int
    site: SiteId
    kind: str
    subject: str = Field(description="A bare MAC address, an IP address, or an edge's id")
    first_at: UnixSeconds
    last_at: UnixSeconds
    count: int
    sentence: str
    peer: str = Field(description="The address that asked last")
    model: str = Field(description="What the phone is or seems to be; empty where nothing tells")
    closed_at: UnixSeconds | None
    closed_by: str


class PhoneAcceptance(Input):
    """How a phone is let in."""

    instead_of: str = Field(default="", description="The phone whose place it takes: MAC address or description")
    model: str = Field(default="", description="For a phone that no site has")
    site: str = Field(default="", description="For a phone that no site has")
    description: str = ""


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


class AcceptedEdgeView(BaseModel):
    """Where an edge may stand from now on, and might not before."""

    edge: str
    networks: list[str]
