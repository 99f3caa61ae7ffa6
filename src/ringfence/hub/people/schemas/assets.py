"""Schemas of the people's API: assets."""

from typing import Literal

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Input, UnixSeconds
from ringfence.hub.people.schemas.uploads import UploadReference


class NewAssetFile(UploadReference):
    """An uploaded file of an asset."""

    name: str = Field(max_length=255)
    variant: str = Field(description="The ring format, the picture's folder, the locale's file, or what names it")


class NewAsset(Input):
    """An asset to create from uploaded files."""

    kind: Literal["ring tone", "wallpaper", "language", "tones", "dial plan", "soft keys", "feature policy"]
    name: str
    source: str
    files: list[NewAssetFile]


class AssetView(BaseModel):
    """A ring tone, a wallpaper, a language, a country's tones, or a file that phones name."""

    id: str
    kind: str
    name: str
    source: str
    added_at: UnixSeconds
    added_by: str
    size: int = Field(description="Total bytes of its files")
    files: list[str]
