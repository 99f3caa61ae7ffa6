"""Schemas of the people's API: CAs for 802.1X."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from ringfence.hub.people.schemas import Input, UnixSeconds


class PortAuthorityView(BaseModel):
    """A CA whose certificates 802.1X accepts."""

    id: str
    subject: str
    fingerprint: str = Field(description="The certificate's SHA-256")
    ends_at: UnixSeconds
    added_at: UnixSeconds
    added_by: str


class NewPortAuthority(Input):
    """A CA's certificate."""

    model_config = ConfigDict(extra="forbid", str_max_length=20_000)

    pem: Annotated[str, StringConstraints(max_length=20_000)] = Field(description="Its certificate in PEM")
