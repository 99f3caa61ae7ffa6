"""The people's API in words: SIP accounts."""

from typing import Literal

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Input


class SipExportOrder(Input):
    """Which accounts to write, and for which PBX."""

    pbx: Literal["asterisk", "kamailio", "freeswitch"]
    site: str | None = Field(default=None, description="Only this site's; all where it is null")
    realm: str = Field(default="", description="The digest realm; Kamailio needs it")


class SipFilesView(BaseModel):
    """A PBX's files, by name. They hold passwords."""

    files: dict[str, str]
