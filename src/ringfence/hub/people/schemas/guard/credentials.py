"""Schemas of the people's API: phones' provisioning credentials."""

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Input, MacText, UnixSeconds


class NewProvisioningCredential(Input):
    """A credential to make."""

    only: bool = Field(default=False, description="Whether the phone's other credentials end at once")


class ProvisioningCredentialView(BaseModel):
    """A credential that is good."""

    serial: int
    created_at: UnixSeconds
    proved_at: UnixSeconds | None = Field(description="When the phone has used it; null if it has not")


class ProvisioningCredentialsView(BaseModel):
    """A phone's credentials that are good, the newest first; only `…/reveal` shows a password."""

    mac: MacText
    user: str = Field(description="The user name that the phone gives")
    good: list[ProvisioningCredentialView]


class CredentialPasswordView(BaseModel):
    """A phone's newest credential in the clear."""

    user: str
    password: str
