"""Schemas of the people's API: organisations."""

from typing import Literal

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Input, UnixSeconds


class NewOrganisation(Input):
    """An organisation to create."""

    id: str = Field(description="Ids of its sites begin with it; it stays", examples=["acme"])
    name: str = Field(examples=["ACME Ltd"])


class OrganisationChanges(Input):
    """What is to change of an organisation."""

    name: str


class OrganisationView(BaseModel):
    """A customer of whoever runs the hub; nothing of one is visible in another."""

    id: str
    name: str
    created_at: UnixSeconds
    sites: int = Field(description="Number of sites")
    phones: int = Field(description="Number of phones")
    edges: int = Field(description="Number of edges that are not revoked")


class LimitChanges(Input):
    """What an organisation may have at most; null ends a limit, and what is left out stays."""

    sites: int | None = None
    phones: int | None = None
    people: int | None = None
    tokens: int | None = Field(default=None, description="API tokens that are not revoked")
    storage_bytes: int | None = Field(default=None, description="Firmware and assets, each file once")


class LimitView(BaseModel):
    """What an organisation has and may have of something."""

    limit: Literal["sites", "phones", "people", "tokens", "storage_bytes"]
    used: int
    most: int | None = Field(description="Null without a limit")


class LimitsView(BaseModel):
    """What an organisation has and may have; whoever runs the hub sets it."""

    organisation: str
    limits: list[LimitView]
