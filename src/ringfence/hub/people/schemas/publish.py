"""Schemas of the people's API: publishing."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Input, MacText, SiteId
from ringfence.hub.people.schemas.releases import FileChangeView


class PublishOrder(Input):
    """What to publish."""

    dry_run: bool = Field(default=False, description="Only show what would change")
    sites: list[str] | None = Field(default=None, description="Only these sites; null for all")
    comment: str = ""


class PublishedSiteView(BaseModel):
    """What a publish did to one site."""

    site: SiteId
    release: int | None = Field(description="The new release; null in a dry run")
    previous: int
    files: list[FileChangeView]


class PublicationView(BaseModel):
    """What a publish did, or would do."""

    dry_run: bool
    sites: list[PublishedSiteView] = Field(description="The sites that changed")
    unchanged: int
    without_line: list[MacText] = Field(description="Phones that get no file because they have no line")
    waiting: dict[str, str] = Field(description="Phones whose new firmware has to reach their site's edges first")
    seconds: float
