"""Schemas of the people's API: how a phone is let in."""

from pydantic import Field

from ringfence.hub.people.schemas import Input


class PhoneAcceptance(Input):
    """How to approve a phone."""

    instead_of: str = Field(default="", description="The phone that it replaces: MAC address or description")
    model: str = Field(default="", description="For a phone that is at no site yet")
    site: str = Field(default="", description="For a phone that is at no site yet")
    description: str = ""
