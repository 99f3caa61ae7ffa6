"""Schemas of the people's API: changes of secrets."""

from pydantic import BaseModel, Field

from ringfence.hub.fleet.rotation_stages import RotationStage
from ringfence.hub.people.schemas import Input, MacText, UnixSeconds


class RotationOrder(Input):
    """The phones whose SIP secrets to change."""

    phones: list[str] = Field(default=[], description="MAC addresses")
    site: str | None = Field(default=None, description="Or all phones of this site that have a line")
    patience_s: float = Field(
        default=900, ge=1, le=86_400, description="How long a phone has to take its new secret, in seconds"
    )


class RotationView(BaseModel):
    """One phone's change of secrets."""

    mac: MacText
    pbx: str
    stage: str = Field(description=", ".join(RotationStage))
    release: int
    began_at: UnixSeconds
    changed_at: UnixSeconds
    until: UnixSeconds
    detail: str
    problem: str = Field(description="Why the stage's step can't be done for now; it is tried again")
    failing_since: UnixSeconds | None
    who: str
