"""The people's API in words: what goes in and what comes out. All times are Unix seconds."""

from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

T = TypeVar("T")

UnixSeconds = Annotated[float, Field(description="Unix seconds")]
SiteId = Annotated[str, Field(description="The site's id, a slug of its name", examples=["home-office-anna"])]
MacText = Annotated[str, Field(description="A MAC address", examples=["00:1B:54:C2:9A:10"])]


class Input(BaseModel):
    """What a request's body holds; a field that is not known is refused, for it is a typing error."""

    model_config = ConfigDict(extra="forbid", str_max_length=4000)


class Items(BaseModel, Generic[T]):
    """A list."""

    items: list[T]


class ProblemView(BaseModel):
    """What every refused request is answered with."""

    what: str = Field(description="What is wrong, in a sentence without its full stop")
    where: str = Field(description="Where it was seen; may be empty")
    to_do: str = Field(description="What to do about it; may be empty")
    kind: str = Field(description="A fixed word for programs", examples=["unknown-site", "duplicate-mac"])
