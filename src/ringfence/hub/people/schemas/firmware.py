"""The people's API in words: firmware and assets."""

from typing import Literal

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Input, SiteId, UnixSeconds


class NewFirmwareFile(Input):
    """A file whose bytes were uploaded."""

    name: str = Field(max_length=128)
    digest: str = Field(description="SHA-256")
    length: int = Field(ge=0, description="Bytes")


class UploadView(BaseModel):
    """Whether a file's bytes are at the hub."""

    here: bool


class NewAssetFile(NewFirmwareFile):
    """A file of an asset whose bytes were uploaded."""

    name: str = Field(max_length=255)
    variant: str = Field(description="A ring format, a picture's folder, or a locale's file")


class NewAsset(Input):
    """An asset whose files were uploaded."""

    kind: Literal["ring tone", "wallpaper", "language", "tones"]
    name: str
    source: str
    files: list[NewAssetFile]


class AssetView(BaseModel):
    """A ring tone, a wallpaper, a language or a country's tones."""

    id: str
    kind: str
    name: str
    source: str
    added_at: UnixSeconds
    added_by: str
    size: int = Field(description="Bytes of all its files")
    files: list[str]


class NewFirmware(Input):
    """A bundle whose files were uploaded."""

    source: str = Field(description="The file that it came from, for people")
    files: list[NewFirmwareFile]


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
