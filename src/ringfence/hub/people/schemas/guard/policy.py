"""Schemas of the people's API: what a site's guard asks."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Input, SiteId

_PER_ADDRESS = "transfers and connections at a time, requests and refusals each second"
_KINDS = "firmware, shared, configuration or secret"


class GuardNeedView(BaseModel):
    """What a kind of file requires."""

    kind: str = Field(description=_KINDS)
    level: str = Field(description="The level that an edge requires", examples=["L3"])
    proves: str = Field(description="What that level proves about the requester")
    default: str = Field(description="The level if nothing is set")


class GuardPolicyView(BaseModel):
    """What a site requires before it gives a file out."""

    site: SiteId
    version: int = Field(description="Increases whenever the rules of the site's edges change")
    needs: list[GuardNeedView]
    networks: list[str] = Field(description="Addresses outside these networks get nothing; empty allows all")
    first_contact: str = Field(description="What a new phone needs: allow, hold, window or dhcp")
    gateway: str = Field(description="Whether a gateway may serve the site to the internet: off, windows or stubs")
    edge_moves: str = Field(description="When an edge connects from a new network: ignore, alert or hold")
    learned_days: int = Field(description="How long an address that used a window stays known")
    per_address: dict[str, int] = Field(
        description=f"What one address may cost an edge, where it is not the default: {_PER_ADDRESS}"
    )


class GuardPolicyChanges(Input):
    """Changes to what a site requires; a part that is null stays as it is."""

    needs: dict[str, str] | None = Field(
        default=None, description=f"{_KINDS} → L0 to L5, or default", examples=[{"secret": "L1"}]
    )
    networks: list[str] | None = Field(default=None, description="All networks, replacing the previous ones")
    first_contact: str | None = None
    gateway: str | None = None
    edge_moves: str | None = None
    learned_days: int | None = None
    per_address: dict[str, int] | None = Field(
        default=None, description=f"{_PER_ADDRESS}; 0 is the default again", examples=[{"refusals": 20}]
    )
