"""Schemas of the people's API: settings."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Input


class NewSettingValue(Input):
    """A value as people write it."""

    value: str = Field(examples=["Europe/Berlin", "yes", "30"])


class SettingView(BaseModel):
    """A setting's value, and the scope that it comes from."""

    name: str
    value: bool | int | str | None = Field(description="null for a secret, which is never shown")
    scope: str = Field(description="organisation, site, group, phone, line, or built-in")
    secret: bool
    unit: str
    help: str


class SettingAtScopeView(BaseModel):
    """What one scope says about a setting."""

    scope: str = Field(
        description="organisation, site, group, phone, or built-in; protect_calls or vpn: it follows from that"
    )
    place: str = Field(description="In words, such as site home-office-anna")
    value: bool | int | str | None = Field(description="null for a secret, which is never shown")
    wins: bool


class SettingExplanationView(BaseModel):
    """Which value of a setting applies to a phone, and why."""

    name: str
    secret: bool
    given: list[SettingAtScopeView] = Field(description="From the widest scope to the nearest; the last one wins")
    written: str | None = Field(description="What a publish writes for it; null for a secret")
    in_file: str | None = Field(description="What its published file says; null if its element is not there once")
    element: str = Field(description="The file's element that carries it")
    help: str
    mark: str = Field(description="How well the element's meaning is known: certain, likely, unknown")
    source: str
    notes: list[str] = Field(description="What else to know; of protect_calls what is protected, and what is not")


class CatalogueEntryView(BaseModel):
    """One setting of the catalogue."""

    name: str
    type: str
    default: bool | int | str
    unit: str
    minimum: int | None
    maximum: int | None
    choices: list[str]
    scopes: list[str]
    secret: bool
    families: list[str] = Field(description="The families that have it")
    takes: str = Field(description="The values that it takes, in words")
    help: str
    source: str = Field(description="The source of this knowledge")
    mark: str = Field(description="How well it is known: certain, likely, unknown")
