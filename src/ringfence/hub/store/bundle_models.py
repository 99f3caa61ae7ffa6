"""The table of portable bundles. Times are Unix seconds."""

from sqlalchemy import Boolean, Double, Index, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from ringfence.hub.store.base import Base
from ringfence.hub.store.organisation_owned import OrganisationOwned, indexed, link


class BundleRow(OrganisationOwned, Base):
    """A line of bundles: who it is for, and the number of the newest one. It holds nothing that opens one.

    ``wrapped_identity`` is encrypted with a passphrase that the hub does not have; empty where whoever serves has an
    identity of their own.
    """

    __tablename__ = "bundle"
    __table_args__ = (
        link("site_id", to="site.id"),
        link("mac", to="phone.mac"),
        indexed("made_at", "id"),
        indexed("site_id", "made_at"),
        Index("ix_bundle_password_hash", "password_hash", unique=True),
    )

    id: Mapped[str] = mapped_column(String(30), primary_key=True)
    site_id: Mapped[str] = mapped_column(String(40))
    mac: Mapped[str | None] = mapped_column(String(12))
    """The only phone that it is for; None: all of its site."""
    name: Mapped[str] = mapped_column(String(80))
    recipient: Mapped[str] = mapped_column(String(80))
    wrapped_identity: Mapped[bytes] = mapped_column(LargeBinary)
    password_hash: Mapped[str] = mapped_column(String(64))
    days: Mapped[int] = mapped_column(Integer)
    """How long each bundle of the line is good."""
    leaves_out_firmware: Mapped[bool] = mapped_column(Boolean)
    number: Mapped[int] = mapped_column(Integer)
    """Of the newest bundle; 0 before the first."""
    release: Mapped[int] = mapped_column(Integer)
    """The release that the newest one has."""
    made_at: Mapped[float] = mapped_column(Double)
    made_by: Mapped[str] = mapped_column(String(80))
    newest_at: Mapped[float] = mapped_column(Double)
    expires_at: Mapped[float] = mapped_column(Double)
    """When the newest one ends."""
    last_fetched_at: Mapped[float | None] = mapped_column(Double)
    revoked_at: Mapped[float | None] = mapped_column(Double)
