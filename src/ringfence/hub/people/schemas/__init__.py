"""Schemas of the people's API: requests and answers. All times are Unix seconds."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, Strict

from ringfence.hub.store.pages import Paged

T = TypeVar("T")

UnixSeconds = Annotated[float, Field(description="Unix seconds")]
SiteId = Annotated[str, Field(description="The site's id, derived from its name", examples=["home-office-anna"])]
MacText = Annotated[str, Field(description="A MAC address", examples=["00:1B:54:C2:9A:10"])]


Flag = Annotated[bool, Strict()]
"""true or false in a request; texts and numbers that may mean one of them are refused."""


class Input(BaseModel):
    """The body of a request; unknown fields are refused, as they are typing errors."""

    model_config = ConfigDict(extra="forbid", str_max_length=4000, allow_inf_nan=False)


class Items(BaseModel, Generic[T]):
    """A list, or a page of it."""

    items: list[T]
    next: str | None = Field(default=None, description="The cursor of the next page; null if this is the last one")

    @classmethod
    def of(cls, page: Paged[T]) -> "Items[T]":
        """Return a page in the API's form."""
        return cls(items=list(page.rows), next=page.next)


class ProblemView(BaseModel):
    """The answer to every refused request."""

    what: str = Field(description="What is wrong, as a sentence without a full stop")
    where: str = Field(description="Where it was seen; may be empty")
    to_do: str = Field(description="What to do about it; may be empty")
    kind: str = Field(description="A fixed word for programs", examples=["unknown-site", "duplicate-mac"])


class NewAccessScope(Input):
    """Sites and groups, of which at least one is named."""

    sites: list[str] = Field(default=[], description="Sites, by id: all that is theirs", examples=[["office"]])
    groups: list[str] = Field(default=[], description="Groups, by id: their phones, wherever they stand")


class AccessScopeView(BaseModel):
    """Sites and groups; with neither, it holds nothing: those that were in it are removed."""

    sites: list[str]
    groups: list[str]

    @classmethod
    def of(cls, limited_to: Mapping[str, Sequence[str]] | None) -> "AccessScopeView | None":
        """Return what a row is limited to; None for the whole organisation."""
        return None if limited_to is None else cls(sites=[*limited_to["sites"]], groups=[*limited_to["groups"]])
