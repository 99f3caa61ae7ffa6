"""The people's API in words: many phones at once."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Input


class BulkLineChanges(Input):
    """One line of a phone."""

    index: int = Field(ge=1, le=1000)
    label: str | None = None
    name: str | None = None
    display_name: str | None = None
    auth_name: str | None = None
    password: str | None = None
    settings: dict[str, str] = Field(default_factory=dict)
    row: int = Field(default=0, description="Where it was read, for the answer")


class BulkPhoneChanges(Input):
    """One phone with its lines and settings."""

    mac: str
    site: str = Field(default="", description="Id or name; made where there is none; empty: where it stands")
    model: str = ""
    description: str = ""
    group: str = Field(default="", description="Id or name; made where there is none")
    settings: dict[str, str] = Field(default_factory=dict)
    lines: list[BulkLineChanges] = Field(default_factory=list)
    row: int = Field(default=0, description="Where it was read, for the answer")


class BulkOrder(Input):
    """Many phones, all or none."""

    phones: list[BulkPhoneChanges] = Field(max_length=20_000)
    site_settings: dict[str, dict[str, str]] = Field(default={}, description="Site's id or name → settings")
    dry_run: bool = False


class BulkRefusalView(BaseModel):
    """Why one of many can't be taken."""

    row: int
    column: str
    what: str
    where: str
    to_do: str


class BulkOutcomeView(BaseModel):
    """What many came to; nothing was kept where one was refused."""

    kept: bool
    added: int
    changed: int
    sites_made: list[str]
    refusals: list[BulkRefusalView]
