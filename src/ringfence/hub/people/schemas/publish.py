"""Schemas of the people's API: publishing."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Flag, Input, MacText, SiteId, UnixSeconds
from ringfence.hub.people.schemas.releases import FileChangeView, HoldView


class PublishOrder(Input):
    """What to publish."""

    dry_run: Flag = Field(default=False, description="Only show what would change")
    sites: list[str] | None = Field(default=None, description="Only these sites; null for all")
    comment: str = ""
    diffs: Flag = Field(default=True, description="Also answer with how each file changes")


class PublishedSiteView(BaseModel):
    """What a publish did to one site."""

    site: SiteId
    release: int | None = Field(description="The new release; null in a dry run")
    previous: int
    phones: int = Field(description="Number of phones with a file that changed")
    edited_by: list[str] = Field(description="Who edited what it is made from since its newest release")
    told_by_pbx: int = Field(
        default=0, description="Number of phones that the hub tells through their PBX, as they have no edge that does"
    )
    file_count: int = Field(description="Number of files that changed")
    files: list[FileChangeView] = Field(description="The first of them: 2,000 in an answer")


class EdgeAwayView(BaseModel):
    """An edge that holds firmware back by being away, and until when."""

    site: SiteId
    edge: str
    hostname: str
    last_seen: float | None = Field(description="Unix seconds; null if it never was")
    counts_until: UnixSeconds


class LeftOutPhoneView(BaseModel):
    """A phone that can't get what it should, and keeps what it has."""

    mac: MacText
    site: SiteId
    what: str
    where: str
    to_do: str


class RefusedFileView(BaseModel):
    """A file that would show a secret to all phones of its site, and was not published."""

    what: str
    where: str
    to_do: str


class PublicationCountsView(BaseModel):
    """How much a publication is about in all, whatever its lists leave out."""

    sites: int = Field(description="Sites that changed")
    files: int = Field(description="Files that changed")
    phones: int = Field(description="Phones with a file that changed")
    told_by_pbx: int = Field(description="Phones that the hub tells through their PBX")
    without_line: int
    waiting: int
    waiting_for: int
    left_out: int
    asked_for: int
    refused_files: int
    held: int


class PublicationView(BaseModel):
    """What a publish did, or would do. Each list has at most 500 entries; `counts` says how many there are."""

    dry_run: bool
    counts: PublicationCountsView
    sites: list[PublishedSiteView] = Field(description="The sites that changed")
    unchanged: int
    without_line: list[MacText] = Field(description="Phones that get no file because they have no line")
    waiting: dict[str, str] = Field(description="Phones whose new firmware has to reach their site's edges first")
    waiting_for: list[EdgeAwayView] = Field(description="Edges that are away and that new firmware waits for")
    left_out: list[LeftOutPhoneView] = Field(description="Phones whose files can't be made as they are")
    asked_for: list[LeftOutPhoneView] = Field(
        description="Phones whose firmware has not been imported; they keep the firmware that they have"
    )
    refused_files: list[RefusedFileView] = Field(description="Files for all phones of a site that hold a secret")
    held: list[HoldView] = Field(description="Sites that get no release until somebody decides")
    seconds: float
