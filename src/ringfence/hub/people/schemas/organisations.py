"""Schemas of the people's API: organisations."""

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
