"""The people's API in words: assets."""

from typing import Literal

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Input, UnixSeconds
from ringfence.hub.people.schemas.uploads import UploadReference


class NewAssetFile(UploadReference):
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
