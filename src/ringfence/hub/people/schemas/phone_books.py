"""Schemas of the people's API: phone books."""

from typing import Literal

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Flag, Input, UnixSeconds


class NewPhoneBook(Input):
    """A phone book to create."""

    name: str = Field(description="What phones show as its title", examples=["Company"])
    source: Literal["table", "lines"] = Field(
        default="table", description="table: entries of its own. lines: the lines of the organisation's phones"
    )
    sites: list[str] = Field(default=[], max_length=1000, description="The sites whose phones get it; empty for all")
    groups: list[str] = Field(
        default=[], max_length=1000, description="The groups whose phones alone get it, at these sites; empty for all"
    )


class PhoneBookView(BaseModel):
    """A phone book."""

    id: str
    name: str
    source: str
    everywhere: bool = Field(description="Whether all sites have it, those that come later too")
    sites: list[str]
    for_groups: bool = Field(default=False, description="Whether only phones of these groups have it")
    groups: list[str] = []
    entries: int = Field(description="How many phones list")
    left_out: int = Field(description="How many more there are, for which a book has no room")
    created_at: UnixSeconds
    changed_at: UnixSeconds
    changed_by: str


class PhoneBookEntry(Input):
    """A name and its number."""

    name: str = Field(examples=["Anna Schmidt"])
    number: str = Field(examples=["+49 30 901820"])
    row: int = Field(default=0, description="The row that it comes from, for the answer")


class PhoneBookEntries(Input):
    """All entries of a book, instead of those that it has."""

    entries: list[PhoneBookEntry] = Field(max_length=20_000)
    dry_run: Flag = False


class PhoneBookEntryView(BaseModel):
    """An entry as a phone dials it."""

    name: str
    number: str


class PhoneBookRefusalView(BaseModel):
    """Why one entry can't be used."""

    row: int
    column: str
    what: str


class PhoneBookImportView(BaseModel):
    """The outcome; nothing was changed if any entry was refused."""

    kept: bool
    entries: int
    refusals: list[PhoneBookRefusalView]
