"""The people's API in words: how a phone is let in."""

from pydantic import Field

from ringfence.hub.people.schemas import Input


class PhoneAcceptance(Input):
    """How a phone is let in."""

    instead_of: str = Field(default="", description="The phone whose place it takes: MAC address or description")
    model: str = Field(default="", description="For a phone that no site has")
    site: str = Field(default="", description="For a phone that no site has")
    description: str = ""
