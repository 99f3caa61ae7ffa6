"""Schemas of the people's API: concentrators."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Input, UnixSeconds


class ConcentratorView(BaseModel):
    """The other end of boxes' tunnels."""

    id: str
    name: str
    position: int = Field(description="Its place in the order in which boxes try them")
    networks: list[str] = Field(description="Networks that are routed to it, such as the PBX's")
    created_at: UnixSeconds
    enrolled_at: UnixSeconds | None = Field(description="null before it has used its token")
    connected: bool = Field(description="Whether its event stream is open")
    told_at: UnixSeconds | None = Field(description="When it told last how it is")
    certificate_ends_at: UnixSeconds | None
    hostname: str
    version: str
    endpoint: str = Field(description="Where boxes find it, as it says", examples=["vpn.example.org:51820"])
    public_key: str
    next_public_key: str = Field(description="The key that it changes to; empty if it changes to none")
    key_changes: bool = Field(description="Whether the key is to change, or about to")
    boxes: int = Field(description="How many boxes have shaken hands with it, as it says")
    newest_handshake_at: UnixSeconds | None


class NewConcentratorToken(Input):
    """Which concentrator a token is for."""

    name: str = Field(description="Its name; a new one makes a concentrator", examples=["Berlin"])
    networks: list[str] | None = Field(default=None, description="Networks that are routed to it; null: as they are")


class NewConcentratorTokenView(BaseModel):
    """A new token for a concentrator."""

    concentrator: ConcentratorView
    token: str = Field(description="The token itself, shown only once, for `ringfence tunnel enrol`")
    expires_at: UnixSeconds


class ConcentratorChanges(Input):
    """Changes to a concentrator; a part that is null stays as it is."""

    networks: list[str] | None = Field(
        default=None, description="All networks, replacing the previous ones", examples=[["192.0.2.0/24"]]
    )
    position: int | None = Field(default=None, description="1 to 1000; boxes try the lowest first")
