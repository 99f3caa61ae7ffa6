"""Schemas of the people's API: many phones at once."""

from typing import Self

from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from ringfence.hub.people.schemas import Flag, Input, MacText

MOST_LINES = 60_000
"""How many lines come at once: whoever else writes waits for them."""


class BulkLineChanges(Input):
    """One line of a phone."""

    index: int = Field(ge=1, le=1000)
    label: str | None = None
    name: str | None = None
    display_name: str | None = None
    auth_name: str | None = None
    password: str | None = None
    settings: dict[str, str] = Field(default_factory=dict)
    row: int = Field(default=0, description="The row that it comes from, for the answer")


class BulkPhoneChanges(Input):
    """One phone with its lines and settings."""

    mac: str
    site: str = Field(default="", description="Id or name; empty leaves the phone where it is")
    model: str = ""
    description: str = ""
    group: str = Field(default="", description="Id or name; empty leaves the phone in its group")
    settings: dict[str, str] = Field(default_factory=dict)
    lines: list[BulkLineChanges] = Field(default_factory=list)
    row: int = Field(default=0, description="The row that it comes from, for the answer")


class BulkOrder(Input):
    """Many phones, all or none."""

    phones: list[BulkPhoneChanges] = Field(max_length=20_000)
    site_settings: dict[str, dict[str, str]] = Field(default={}, description="Site's id or name → settings")
    dry_run: Flag = False
    make_sites: Flag = Field(default=False, description="Create the sites and groups that do not exist")

    @model_validator(mode="after")
    def _has_not_too_many_lines(self) -> Self:
        if sum(len(phone.lines) for phone in self.phones) > MOST_LINES:
            raise PydanticCustomError("too_many_lines", f"there are more than {MOST_LINES:,} lines, the most at once")
        return self


class BulkRefusalView(BaseModel):
    """Why one entry can't be used."""

    row: int
    column: str
    what: str
    where: str
    to_do: str


class SharedUserView(BaseModel):
    """A SIP user that is on several phones."""

    name: str
    phones: list[MacText]


class BulkOutcomeView(BaseModel):
    """The outcome; nothing was changed if any entry was refused."""

    kept: bool
    added: int
    changed: int
    unchanged: int
    phones_added: list[MacText]
    sites_made: list[str]
    groups_made: list[str]
    shared_users: list[SharedUserView]
    refusals: list[BulkRefusalView]
