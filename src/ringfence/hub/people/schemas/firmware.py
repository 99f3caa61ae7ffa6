"""Schemas of the people's API: firmware."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Input, SiteId, UnixSeconds
from ringfence.hub.people.schemas.uploads import UploadReference


class NewFirmware(Input):
    """A bundle to import from uploaded files."""

    source: str = Field(description="The name of the file that it came from, for people")
    files: list[UploadReference]


class FirmwareFileView(BaseModel):
    """One file of a load, by the name that phones ask for."""

    name: str
    digest: str
    length: int


class RolloutView(BaseModel):
    """A load's rollout at one site."""

    site: SiteId
    edges: int = Field(description="Number of edges that are not revoked")
    with_load: int = Field(description="Number of those that serve a release with the load")
    fetched_bytes: int = Field(description="Bytes that its edges have fetched of the release that they are taking")
    fetching_bytes: int = Field(description="Bytes that they had to fetch for that release")
    waiting: int = Field(description="Phones that wait for it")
    named: int = Field(description="Phones whose file names it")


class FirmwareView(BaseModel):
    """One imported load."""

    name: str
    models: list[str]
    source: str
    added_at: UnixSeconds
    added_by: str
    size: int = Field(description="Total bytes of its files")
    files: list[FirmwareFileView]
