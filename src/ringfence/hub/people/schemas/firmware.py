"""The people's API in words: firmware."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Input, SiteId, UnixSeconds
from ringfence.hub.people.schemas.uploads import UploadReference


class NewFirmware(Input):
    """A bundle whose files were uploaded."""

    source: str = Field(description="The file that it came from, for people")
    files: list[UploadReference]


class FirmwareFileView(BaseModel):
    """One file of a load, under the name that phones ask for."""

    name: str
    digest: str
    length: int


class RolloutView(BaseModel):
    """How far a load is at one site."""

    site: SiteId
    edges: int = Field(description="How many edges are let in")
    with_load: int = Field(description="How many of them serve a release that has the load")
    fetched_bytes: int = Field(description="What its edges have of the release that they are taking")
    fetching_bytes: int = Field(description="How much they had to fetch for that")
    waiting: int = Field(description="Phones that wait for it")
    named: int = Field(description="Phones whose file names it")


class FirmwareView(BaseModel):
    """One load that was imported."""

    name: str
    models: list[str]
    source: str
    added_at: UnixSeconds
    added_by: str
    size: int = Field(description="Bytes of all its files")
    files: list[FirmwareFileView]
