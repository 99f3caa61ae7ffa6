"""The tables of phones' certificates: what phones have shown, and what they are to do; times in Unix seconds."""

from sqlalchemy import Double, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from ringfence.hub.store.base import Base
from ringfence.hub.store.organisation_owned import OrganisationOwned, indexed, link


class PhoneCertificateRow(OrganisationOwned, Base):
    """A certificate that a phone has shown, or was given (``fleet/phone_certificates.py``)."""

    __tablename__ = "phone_certificate"
    __table_args__ = (link("mac", to="phone.mac"), indexed("ends_at", "mac"))

    mac: Mapped[str] = mapped_column(String(12), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64), primary_key=True)
    """The certificate's SHA-256."""
    kind: Mapped[str] = mapped_column(String(3))
    """A ``CertificateKind``."""
    der: Mapped[bytes]
    subject: Mapped[str] = mapped_column(String(200))
    issuer: Mapped[str] = mapped_column(String(200))
    serial: Mapped[str] = mapped_column(String(40))
    """In hexadecimal."""
    begins_at: Mapped[float] = mapped_column(Double)
    ends_at: Mapped[float] = mapped_column(Double)
    proof: Mapped[str] = mapped_column(String(10))
    """A ``KeyProof``: the best that there was."""
    first_seen_at: Mapped[float] = mapped_column(Double)
    seen_at: Mapped[float] = mapped_column(Double)
    is_stored: Mapped[bool]
    """Whether the phone has it: one that was issued may never have got there."""
    revoked_at: Mapped[float | None] = mapped_column(Double)
    revoked_by: Mapped[str] = mapped_column(String(80), default="", server_default="")


class PhoneCertificateOrderRow(OrganisationOwned, Base):
    """What a phone is to do about its certificate when it comes to CAPF the next time."""

    __tablename__ = "phone_certificate_order"
    __table_args__ = (link("mac", to="phone.mac"),)

    mac: Mapped[str] = mapped_column(String(12), primary_key=True)
    operation: Mapped[str] = mapped_column(String(6))
    """A ``CertificateOperation``."""
    key_bits: Mapped[int] = mapped_column(Integer)
    sealed_password: Mapped[bytes | None]
    """The authentication string that somebody types at the phone."""
    wrong_passwords: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    asked_at: Mapped[float] = mapped_column(Double)
    asked_by: Mapped[str] = mapped_column(String(80))
    until: Mapped[float] = mapped_column(Double)
    refusal: Mapped[str] = mapped_column(String(20), default="", server_default="")
    """Why it was not done at the last try, a ``CertificateRefusal``."""
