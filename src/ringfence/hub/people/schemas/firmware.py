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


class EdgeLackingView(BaseModel):
    """An edge that does not have a load yet."""

    edge: str
    hostname: str
    last_seen: float | None = Field(description="Unix seconds; null if it never was")
    connected: bool
    counts: bool = Field(description="Whether phones wait for it; one that is away for too long does not count")
    counts_until: UnixSeconds


class FirmwareRolloutView(BaseModel):
    """A load's rollout at one site."""

    site: SiteId
    edges: int = Field(description="Number of edges that are not revoked")
    with_load: int = Field(description="Number of those that serve a release with the load")
    fetched_bytes: int = Field(description="Bytes that its edges have fetched of the release that they are taking")
    fetching_bytes: int = Field(description="Bytes that they had to fetch for that release")
    waiting: int = Field(description="Phones that wait for it")
    named: int = Field(description="Phones whose file names it")
    lacking: list[EdgeLackingView]


class FirmwareView(BaseModel):
    """One imported load."""

    name: str
    models: list[str]
    source: str
    added_at: UnixSeconds
    added_by: str
    size: int = Field(description="Total bytes of its files")
    files: list[FirmwareFileView]
