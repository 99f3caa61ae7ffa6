"""Schemas of the people's API: what sites ask of their boxes' networks."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Flag, Input, SiteId

_REACH = "PROTOCOL:PORTS@NETWORK, such as udp:5060@192.0.2.10 or tcp:5060-5061@192.0.2.0/24"
_PORT_ACCESS = "Whether the phone's port asks for 802.1X: off, try or require"


class WifiView(BaseModel):
    """The Wi-Fi network by which boxes reach the home's router."""

    ssid: str
    country: str = Field(description="The country's two letters, whose rules the radio follows")


class NetworkView(BaseModel):
    """What a site asks of its boxes' networks."""

    site: SiteId
    version: int = Field(description="Increases whenever the rules of the site's edges change")
    box: bool = Field(description="Whether its edges are boxes before they say so")
    prefix: int = Field(description="The length of the prefix of each box's subnet; /29 has room for five phones")
    mtu: int
    uplink_kbit: int = Field(description="What the home's line takes, in kbit/s; 0 if nobody has said")
    known_only: bool = Field(description="Whether only the site's phones get an address")
    guests: bool = Field(description="Whether other devices get out to the internet, and nowhere else")
    domain: str
    ntp_servers: list[str]
    names: dict[str, list[str]] = Field(description="Names that boxes answer, and their addresses")
    reach: list[str] = Field(description=f"What phones may reach through the tunnel, as {_REACH}")
    reach_by_default: bool = Field(description="Whether that follows from the phones' SIP servers which are addresses")
    direct_media: list[str] = Field(description="Sites to exchange media with directly, if they name this one too")
    direct_media_subnets: list[str] = Field(description="Subnets of boxes to which that is open now")
    port_access: str = Field(description=_PORT_ACCESS)
    wifi: WifiView | None


class NewWifi(Input):
    """A Wi-Fi network; with an empty name there is none."""

    ssid: str
    country: str = Field(default="", description="Two letters (ISO 3166); empty: as it was", examples=["DE"])
    passphrase: str | None = Field(default=None, description="null: as it was, for the same name")


class NetworkChanges(Input):
    """Changes to what a site asks of its boxes' networks; a part that is null stays as it is."""

    box: Flag | None = None
    prefix: int | None = Field(default=None, description="24 to 29; another one gives the site's boxes other subnets")
    mtu: int | None = Field(default=None, description="1280 to 1500")
    uplink_kbit: int | None = Field(default=None, description="64 to 10000000, so that calls go first; 0: not known")
    known_only: Flag | None = None
    guests: Flag | None = None
    domain: str | None = None
    ntp_servers: list[str] | None = Field(default=None, description="All of them, replacing the previous ones")
    names: dict[str, list[str]] | None = Field(default=None, description="All of them, replacing the previous ones")
    reach: list[str] | None = Field(default=None, description=f"All of it, replacing what was, as {_REACH}")
    reach_by_default: Flag = Field(default=False, description="Go back to what follows from the SIP servers")
    direct_media: list[str] | None = Field(default=None, description="All sites, by id, replacing the previous ones")
    port_access: str | None = Field(default=None, description=_PORT_ACCESS)
    wifi: NewWifi | None = None
