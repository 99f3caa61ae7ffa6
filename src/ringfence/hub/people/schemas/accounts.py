"""Schemas of the people's API: SIP accounts."""

from typing import Literal

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Input
from ringfence.phones.sip.pbx_accounts import DEFAULT_CONTEXT


class SipExportOrder(Input):
    """Which accounts to export, and for which PBX."""

    pbx: Literal["asterisk", "kamailio", "freeswitch"]
    site: str | None = Field(default=None, description="Only this site's accounts; null for all")
    realm: str = Field(default="", description="The digest realm; needed for Kamailio")
    context: str = Field(
        default=DEFAULT_CONTEXT, description="Where the dial plan begins for these phones, at Asterisk and FreeSWITCH"
    )


class SipFilesView(BaseModel):
    """A PBX's files, by name. They hold passwords."""

    files: dict[str, str]
    left_out: list[str] = Field(description="Lines that the PBX can't have, and why")
