"""The people's API in words: lines."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Input


class LineView(BaseModel):
    """One SIP account on one key; its password is shown by `…/password/reveal` only."""

    index: int
    label: str = Field(description="What the phone shows beside the key")
    name: str = Field(description="The SIP user that registers")
    display_name: str = Field(description="What others see when it calls")
    auth_name: str = Field(description="The digest user; empty where it is the name")


class LineChanges(Input):
    """What is to become of a line; what is left out stays, or is as a new line has it."""

    label: str | None = None
    name: str | None = Field(default=None, description="A new line needs one")
    display_name: str | None = None
    auth_name: str | None = None
    password: str | None = Field(default=None, description="Left out, one is generated for a phone's first line")


class PasswordView(BaseModel):
    """A password in the clear."""

    password: str
