"""Schemas of the people's API: passkeys."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import UnixSeconds


class PasskeyView(BaseModel):
    """A passkey of somebody; what it is made of is shown to nobody."""

    id: str
    name: str = Field(description="What its owner calls it")
    host: str = Field(description="The host name that it is bound to: browsers use it at no other")
    is_usable: bool = Field(description="Whether people find the hub at that host now")
    is_synced: bool = Field(description="Whether a password manager keeps copies of it elsewhere")
    created_at: UnixSeconds
    last_used_at: UnixSeconds | None
