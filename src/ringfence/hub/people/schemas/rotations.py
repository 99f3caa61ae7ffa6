"""Schemas of the people's API: changes of secrets."""

from pydantic import BaseModel, Field

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
    stage: str = Field(description="accepting, publishing, fetching, registering, done or rolled-back")
    release: int
    began_at: UnixSeconds
    changed_at: UnixSeconds
    until: UnixSeconds
    detail: str
    who: str
