"""Schemas of the people's API: lines."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Input, MacText


class LineView(BaseModel):
    """One SIP account on one key; only `…/password/reveal` shows its password."""

    index: int
    label: str = Field(description="What the phone shows next to the key")
    name: str = Field(description="The SIP user that registers")
    display_name: str = Field(description="What others see when it calls")
    auth_name: str = Field(description="The digest user; empty if it is the name")


class LinePutView(LineView):
    """A line as it was set."""

    also_on: list[MacText] = Field(description="Other phones with the same SIP user")


class LineChanges(Input):
    """Changes to a line; what is left out stays as it is, or has a new line's default."""

    label: str | None = None
    name: str | None = Field(default=None, description="The SIP user that registers; a new line needs one")
    display_name: str | None = None
    auth_name: str | None = None
    password: str | None = Field(
        default=None, description="The SIP password; if left out, one is generated for a phone's first line"
    )


class PasswordView(BaseModel):
    """A password in the clear."""

    password: str
