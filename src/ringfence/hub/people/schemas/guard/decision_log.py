"""The people's API in words: what guards decided."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import SiteId, UnixSeconds


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
