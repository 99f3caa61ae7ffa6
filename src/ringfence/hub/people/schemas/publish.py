"""The people's API in words: publishing."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Input, MacText, SiteId
from ringfence.hub.people.schemas.releases import FileChangeView


class PublishOrder(Input):
    """What to publish."""

    dry_run: bool = Field(default=False, description="Only say what would change")
    sites: list[str] | None = Field(default=None, description="Only these; all where it is null")
    comment: str = ""


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
