"""Schemas of the people's API: phones' certificates, and what phones are to do about them."""

from typing import Literal

from pydantic import BaseModel, Field

from ringfence.hub.people.schemas import Input, MacText, UnixSeconds


class PhoneCertificateView(BaseModel):
    """A certificate that a phone has shown, or was given."""

    kind: str = Field(description="`mic`: its maker's; `lsc`: issued here")
    fingerprint: str = Field(description="The certificate's SHA-256")
    md5: str = Field(description="The digest that the phone itself goes by")
    subject: str
    issuer: str
    serial: str = Field(description="In hexadecimal")
    begins_at: UnixSeconds
    ends_at: UnixSeconds
    proof: str = Field(
        description="`fresh`: the phone proved its key in a session of its own; `replayable`: whoever recorded one can"
    )
    is_stored: bool = Field(description="Whether the phone has it")
    first_seen_at: UnixSeconds
    seen_at: UnixSeconds
    revoked_at: UnixSeconds | None
    pem: str


class CertificateOrderView(BaseModel):
    """What a phone is to do when it connects to CAPF the next time."""

    operation: Literal["fetch", "issue", "delete"]
    with_password: bool = Field(description="Whether somebody has to type the authentication string at the phone")
    asked_at: UnixSeconds
    asked_by: str
    until: UnixSeconds
    refusal: str = Field(description="Why the last try failed, a fixed word; empty if there was none")
    refusal_sentence: str = Field(description="The same in words")


class PhoneCertificatesView(BaseModel):
    """A phone's certificates, the last one seen first, and what it is to do about them."""

    mac: MacText
    certificates: list[PhoneCertificateView]
    waiting: CertificateOrderView | None


class NewCertificate(Input):
    """A certificate to issue."""

    key_bits: Literal[1024, 2048] = Field(default=2048, description="The size of the RSA key that the phone makes")
    with_password: bool = Field(
        default=False,
        description="Make an authentication string to type at the phone: for phones that sign nothing for a session",
    )


class IssuedOrderView(CertificateOrderView):
    """An order to issue a certificate."""

    mac: MacText
    password: str | None = Field(description="The authentication string, shown once; null where there is none")
