"""Schemas of the people's API: what guards decided."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import SiteId, UnixSeconds


class GuardDecisionView(BaseModel):
    """One decision, as an edge reported it."""

    id: int
    at: UnixSeconds
    edge: str
    site: str
    verdict: str = Field(description="allow, refuse, delay, or ban")
    finding: str = Field(description="The guard's word for why")
    reached: str = Field(description="The level that the evidence proved; empty if not reported")
    needed: str = Field(description="The level that the file needed; empty if not reported")
    name: str
    owner: str | None = Field(description="The bare MAC address of the phone that the file is for")
    peer: str = Field(description="The address that asked")
    count: int = Field(description="How often it happened; repeats are reported together")
    sentence: str


class GuardExplanationView(BaseModel):
    """The last decision about a phone, repeated from its record."""

    at: UnixSeconds
    site: SiteId
    edge: str
    sentence: str = Field(description="The decision by the policy of then")
    reasons: list[str] = Field(description="The evidence, one line each")
    same_today: bool = Field(description="Whether today's policy would give the same answer to the same evidence")
    today: str = Field(description="The decision by today's policy")
