"""The people's API in words: accounts, PBXes and changes of secrets."""

from typing import Literal

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Input, MacText, UnixSeconds


class SipExportOrder(Input):
    """Which accounts to write, and for which PBX."""

    pbx: Literal["asterisk", "kamailio", "freeswitch"]
    site: str | None = Field(default=None, description="Only this site's; all where it is null")
    realm: str = Field(default="", description="The digest realm; Kamailio needs it")


class NewPbx(Input):
    """A PBX that the hub is to speak to."""

    name: str
    kind: Literal["kamailio", "asterisk"]
    url: str = Field(examples=["http://192.0.2.10:5060/RPC", "ami://192.0.2.10:5038"])
    user: str = Field(default="", description="The manager's user, for Asterisk")
    secret: str = Field(default="", description="The manager's secret, or a bearer token for Kamailio's /RPC")
    realm: str = Field(description="The digest realm")
    sip_servers: list[str] = Field(default=[], description="The SIP servers that it is; empty: any")


class PbxView(BaseModel):
    """A PBX that the hub speaks to, without its secret."""

    id: str
    kind: str
    url: str
    user: str
    realm: str
    sip_servers: list[str]
    created_at: UnixSeconds


class PbxCheckView(BaseModel):
    """What answered."""

    version: str


class RotationOrder(Input):
    """Whose SIP secrets to change."""

    phones: list[str] = Field(default=[], description="MAC addresses")
    site: str | None = Field(default=None, description="All phones of this site that have a line")
    patience_s: float = Field(default=900, ge=1, le=86_400, description="How long a phone has to take its new secret")


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


class SipFilesView(BaseModel):
    """A PBX's files, by name. They hold passwords."""

    files: dict[str, str]
