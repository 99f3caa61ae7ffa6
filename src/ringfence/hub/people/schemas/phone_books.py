"""Schemas of the people's API: phone books."""

from typing import Literal

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Flag, Input, SiteId, UnixSeconds


class NewPhoneBook(Input):
    """A phone book to create."""

    name: str = Field(description="What phones show as its title", examples=["Company"])
    source: Literal["table", "lines", "ldap"] = Field(
        default="table",
        description="table: entries of its own. lines: the lines of the organisation's phones. ldap: from a directory",
    )
    sites: list[str] = Field(default=[], max_length=1000, description="The sites whose phones get it; empty for all")
    groups: list[str] = Field(
        default=[], max_length=1000, description="The groups whose phones alone get it, at these sites; empty for all"
    )


class NewBookDirectory(Input):
    """The directory that a book is read from."""

    url: str = Field(max_length=300, examples=["ldaps://directory.example.org"])
    base: str = Field(description="The distinguished name below which entries are", examples=["ou=people,dc=example"])
    user: str = Field(default="", description="Who asks, as a distinguished name; empty: nobody in particular")
    password: str | None = Field(
        default=None, max_length=1000, description="Of the user; null keeps the one that there is"
    )
    filter: str = Field(default="(telephoneNumber=*)", description="Which entries are wanted (RFC 4515)")
    name_attribute: str = "cn"
    number_attributes: list[str] = Field(
        default=["telephoneNumber", "mobile"], max_length=5, description="The first that somebody has is dialled"
    )
    trust: str = Field(
        default="", max_length=20_000,
        description="A CA's certificate in PEM, or the SHA-256 of the directory's; empty for the machine's CAs",
    )  # fmt: skip
    allow_clear_text: Flag = Field(default=False, description="Whether ldap:// goes on without TLS")


class BookDirectoryView(BaseModel):
    """The directory that a book is read from, and how that went."""

    url: str
    base: str
    user: str
    filter: str
    name_attribute: str
    number_attributes: list[str]
    allow_clear_text: bool
    asked_at: UnixSeconds | None = Field(description="When it was asked last")
    answered_at: UnixSeconds | None = Field(description="When it last answered; its entries are of then")
    problem: str = Field(description="Why it did not the last time; empty where it did")


class SiteWithoutAddressView(BaseModel):
    """A site whose phones do not know where their edge is."""

    site: SiteId
    suggested: list[str] = Field(description="The values of edge_url that its edges suggest")


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
    directory: BookDirectoryView | None = None
    sites_without_address: int = Field(
        default=0, description="How many sites with phones it does not reach, as no edge_url is set there"
    )
    without_address: list[SiteWithoutAddressView] = Field(default=[], description="The first 20 of them")


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
