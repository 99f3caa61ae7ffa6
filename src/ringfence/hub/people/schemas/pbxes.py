"""Schemas of the people's API: PBXes."""

from typing import Literal

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Input, UnixSeconds


class NewPbx(Input):
    """A PBX to add."""

    name: str
    kind: Literal["kamailio", "asterisk"]
    url: str = Field(examples=["https://192.0.2.10:5061/RPC", "amis://192.0.2.10:5039"])
    user: str = Field(default="", description="The manager's user, for Asterisk")
    secret: str = Field(default="", description="The manager's secret, or a bearer token for Kamailio's /RPC")
    trust: str = Field(
        default="",
        max_length=64 * 1024,
        description="For TLS: a CA's certificate in PEM, or the SHA-256 of the PBX's certificate in hexadecimal "
        "digits; empty for the CAs that the hub's machine trusts",
    )
    allow_clear_text: bool = Field(
        default=False, description="Whether secrets may go to another machine without TLS; refused otherwise"
    )
    realm: str = Field(description="The digest realm")
    sip_servers: list[str] = Field(
        default=[], description="The SIP servers that this PBX is, as phones name them; empty for any"
    )


class PbxView(BaseModel):
    """A PBX that the hub talks to, without its secret."""

    id: str
    kind: str
    url: str
    user: str
    realm: str
    sip_servers: list[str]
    created_at: UnixSeconds
    is_pinned: bool = Field(description="Whether a CA or a certificate of its own is trusted for TLS")
    warning: str = Field(description="What is unsafe about the link, such as secrets in clear text; empty if nothing")


class PbxCheckView(BaseModel):
    """What answered."""

    version: str
