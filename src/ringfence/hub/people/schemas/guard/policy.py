"""The people's API in words: what a site's guard asks."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Input, SiteId

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
