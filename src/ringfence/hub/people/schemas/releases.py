"""Schemas of the people's API: releases."""

from typing import Literal

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Input, SiteId, UnixSeconds


class FileChangeView(BaseModel):
    """One file that differs."""

    name: str
    change: Literal["added", "changed", "removed"]
    diff: str = Field(description="A unified diff with secrets masked; empty for files past the 200th")


class HoldOrder(Input):
    """Why a site is to get no release."""

    reason: str = Field(default="", description="For people, on one line")


class HoldView(BaseModel):
    """A site that publishing leaves out until somebody decides."""

    site: SiteId
    release: int = Field(description="The release that it stays at")
    since: UnixSeconds
    by: str
    reason: str


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
    owner: str | None = Field(description="The only phone that may have it; null for every phone of the site")


class ReleaseDetailsView(ReleaseView):
    """One release with its files."""

    files: list[ReleaseFileView]


class ReleaseDifferenceView(BaseModel):
    """The difference between two releases."""

    site: SiteId
    number: int
    against: int = Field(description="The release compared with; 0 if there was none before")
    files: list[FileChangeView]


class ResumedView(BaseModel):
    """A site that takes part in publishing again."""

    site: SiteId
    release: int | None = Field(description="The release that goes on with what the hub has, where it was in doubt")


class EditSinceView(BaseModel):
    """One edit since a release."""

    at: UnixSeconds
    who: str
    kind: str = Field(description="setting, password, line, phone, template, asset, firmware load, phone book …")
    action: str = Field(description="As the audit log names it")
    subject: str
    detail: str = Field(description="What it was set to, where that is no secret; empty otherwise")
    is_published: bool = Field(description="Whether the newest release has it, so that phones lose it by a roll-back")


class EditorView(BaseModel):
    """Somebody who edited since a release."""

    who: str
    edits: int
    last_at: UnixSeconds


class EditsSinceView(BaseModel):
    """What a roll-back to a release takes away, and what comes back with the next publish after it."""

    site: SiteId
    number: int
    newest: int = Field(description="The site's newest release")
    since: UnixSeconds = Field(description="When the release was made")
    count: int = Field(description="All edits since it")
    published: int = Field(description="Those that phones have now, and lose")
    kinds: dict[str, int] = Field(description="How many there are of each kind")
    editors: list[EditorView] = Field(description="Who edited, the latest first")
    edits: list[EditSinceView] = Field(description="The newest 200, the newest first")
    is_all: bool = Field(description="False where the audit log was too long to be looked at back to the release")
