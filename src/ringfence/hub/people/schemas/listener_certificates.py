"""Schemas of the people's API: the certificates that phones see."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from ringfence.hub.people.schemas import Input, UnixSeconds

Part = Annotated[str, StringConstraints(max_length=64)]


class ListenerCertificateView(BaseModel):
    """What phones see at one listener."""

    listener: Literal["phones", "old-phones"]
    source: Literal["files", "acme", "maker", "hub"] = Field(description="Whose it is")
    names: list[str]
    issuer: str
    fingerprint: str = Field(description="The certificate's SHA-256; empty where it can't be read")
    ends_at: UnixSeconds | None = Field(description="When it ends; null where it can't be read")
    renewed_from: UnixSeconds | None = Field(description="From when on the hub renews it; null where others do")
    renewed_by: str
    problem: str = Field(description="What is wrong and what to do, in words; empty for nothing")


class NewListenerCertificateRequest(Input):
    """What a request to the maker says."""

    name: Annotated[str, StringConstraints(max_length=253)] = Field(description="The full name that old phones find")
    organisation: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    mail: Annotated[str, StringConstraints(pattern=r"^[!-?A-~]{1,64}@[A-Za-z0-9.-]{1,63}$")] = Field(
        description="Whom the maker may ask; it is in the request"
    )
    unit: Part = ""
    country: Annotated[str, StringConstraints(pattern="^([A-Z]{2})?$")] = ""
    state: Part = ""
    locality: Part = ""
    bits: Literal[2048, 1024] = 2048
    again: bool = Field(default=False, description="Whether it takes the place of one that is with the maker")


class ListenerCertificateRequestView(BaseModel):
    """A request to the maker."""

    pem: str = Field(description="The request in PEM; empty where none waits")


class SignedListenerCertificate(Input):
    """A certificate that the maker has signed."""

    model_config = ConfigDict(extra="forbid", str_max_length=65_536)

    pem: Annotated[str, StringConstraints(max_length=65_536)] = Field(description="In PEM, its own first")
