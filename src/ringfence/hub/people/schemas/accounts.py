"""Schemas of the people's API: SIP accounts."""

from typing import Literal

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Input


class SipExportOrder(Input):
    """Which accounts to export, and for which PBX."""

    pbx: Literal["asterisk", "kamailio", "freeswitch"]
    site: str | None = Field(default=None, description="Only this site's accounts; null for all")
    realm: str = Field(default="", description="The digest realm; needed for Kamailio")


class SipFilesView(BaseModel):
    """A PBX's files, by name. They hold passwords."""

    files: dict[str, str]
    left_out: list[str] = Field(description="Lines that the PBX can't have, and why")
