"""Schemas of the people's API: boxes, as they tell of themselves."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Input, SiteId, UnixSeconds


class BoxFindingView(BaseModel):
    """A problem that a box has found."""

    kind: str = Field(description="A word for programs", examples=["other-dhcp-server"])
    sentence: str


class PortEntryView(BaseModel):
    """A phone that is let in at a port that asks for 802.1X."""

    mac: str
    by: str = Field(description="By its `key`, or `without-key`, at a lower level", examples=["key"])
    since: UnixSeconds
    certificate: str = Field(description="The name in the certificate whose key it has proved; empty without")


class BoxTunnelView(BaseModel):
    """A box's tunnel to one concentrator."""

    concentrator: str
    handshake_at: UnixSeconds = Field(description="When they last shook hands, by the box's clock; 0 for never")
    sent_bytes: int
    received_bytes: int
    is_used: bool


class BoxView(BaseModel):
    """One box: an edge with a port of its own for the phone."""

    edge: str
    site: SiteId
    hostname: str
    subnet: str = Field(description="Its own, of which the first address is the box; empty while there is none for it")
    subnet_since: UnixSeconds | None
    subnet_problem: str = Field(description="Why it has none, or one that collides; empty if all is well")
    told_at: UnixSeconds | None = Field(description="When it told last how it is; null before it did")
    version: int = Field(description="The version of its site's rules")
    rules_version: int = Field(description="The version that it said it goes by")
    uplink_networks: list[str] = Field(description="The networks that it is in on its other interfaces")
    links: dict[str, bool] = Field(description="Its interfaces, and whether each has a link")
    devices: list[str] = Field(description="MAC addresses seen at the phone's port")
    entries: list[PortEntryView] = Field(description="Who is let in by 802.1X or without, where the port asks for it")
    findings: list[BoxFindingView]
    tunnels: list[BoxTunnelView]
    public_key: str
    next_public_key: str = Field(description="The key that it changes to; empty if it changes to none")
    key_since: UnixSeconds | None
    key_changes: bool = Field(description="Whether the key is to change, or about to")


class Renumbering(Input):
    """Which subnet a box is to have."""

    subnet: str | None = Field(
        default=None,
        description="A free one of the organisation's pool; null: the hub chooses",
        examples=["100.112.7.8/29"],
    )
