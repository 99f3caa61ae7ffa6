"""The people's API in words: publishing and releases."""

from typing import Literal

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import (
    Input,
    MacText,
    SiteId,
    UnixSeconds,
)


class PublishOrder(Input):
    """What to publish."""

    dry_run: bool = Field(default=False, description="Only say what would change")
    sites: list[str] | None = Field(default=None, description="Only these; all where it is null")
    comment: str = ""


class FileChangeView(BaseModel):
    """One file that differs."""

    name: str
    change: Literal["added", "changed", "removed"]
    diff: str = Field(description="A unified diff with secrets masked; empty for files past the 200th")


class PublishedSiteView(BaseModel):
    """What a publish made of one site."""

    site: SiteId
    release: int | None = Field(description="The new release; null in a dry run")
    previous: int
    files: list[FileChangeView]


class PublicationView(BaseModel):
    """What a publish did, or would do."""

    dry_run: bool
    sites: list[PublishedSiteView] = Field(description="Those that changed")
    unchanged: int
    without_line: list[MacText] = Field(description="Phones that get no file for want of a line")
    waiting: dict[str, str] = Field(description="Phones whose new firmware has to reach their site's edges first")
    seconds: float


class ReleaseView(BaseModel):
    """One release of a site."""

    site: SiteId
    number: int
    created_at: UnixSeconds
    author: str
    comment: str
    rolled_back_to: int | None = Field(description="The release whose content it repeats")
    file_count: int


class ReleaseFileView(BaseModel):
    """One file of a release."""

    name: str
    length: int = Field(description="Bytes")
    digest: str = Field(description="SHA-256")
    kind: str
    owner: str | None = Field(description="The only phone that may have it; null: every phone of the site")


class ReleaseDetailsView(ReleaseView):
    """One release with its files."""

    files: list[ReleaseFileView]


class ReleaseDifferenceView(BaseModel):
    """What a release changed against another."""

    site: SiteId
    number: int
    against: int = Field(description="0: before there was one")
    files: list[FileChangeView]
