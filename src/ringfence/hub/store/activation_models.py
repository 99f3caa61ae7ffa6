"""The tables of activation codes: phones that are prepared, and wait for somebody at them to tell a code."""

from sqlalchemy import Double, Integer, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ringfence.hub.store.base import Base
from ringfence.hub.store.organisation_owned import OrganisationOwned, indexed, link, unique


class ActivationRow(OrganisationOwned, Base):
    """A phone that is prepared without its MAC address, and the code that adopts one in its place, once."""

    __tablename__ = "activation"
    __table_args__ = (
        link("site_id", to="site.id"),
        unique("code_hash"),
        indexed("created_at", "id"),
        indexed("site_id"),
    )

    id: Mapped[str] = mapped_column(String(24), primary_key=True)
    code_hash: Mapped[str] = mapped_column(String(64))
    """Keyed, so that a copy of the database gives no code away (``Sealer.fingerprints``)."""
    ending: Mapped[str] = mapped_column(String(4))
    """The code's last characters, by which people tell codes apart."""
    site_id: Mapped[str | None] = mapped_column(String(40))
    """None for any of the organisation's sites."""
    model: Mapped[str] = mapped_column(String(40))
    """Empty for any."""
    description: Mapped[str] = mapped_column(String(200))
    group_id: Mapped[str | None] = mapped_column(String(40))
    created_at: Mapped[float] = mapped_column(Double)
    created_by: Mapped[str] = mapped_column(String(80))
    ends_at: Mapped[float] = mapped_column(Double)
    used_at: Mapped[float | None] = mapped_column(Double)
    used_by: Mapped[str] = mapped_column(String(80), default="", server_default="")
    mac: Mapped[str] = mapped_column(String(12), default="", server_default="")
    """The phone that it adopted; empty before."""
    revoked_at: Mapped[float | None] = mapped_column(Double)
    lines: Mapped[list["ActivationLineRow"]] = relationship(
        order_by="ActivationLineRow.index", cascade="all, delete-orphan", passive_deletes=True
    )


class ActivationLineRow(OrganisationOwned, Base):
    """A line of a prepared phone, until the phone has it; its password is sealed for exactly this row."""

    __tablename__ = "activation_line"
    __table_args__ = (link("activation_id", to="activation.id"),)

    activation_id: Mapped[str] = mapped_column(String(24), primary_key=True)
    index: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    label: Mapped[str] = mapped_column(String(200))
    """Empty for the name."""
    display_name: Mapped[str] = mapped_column(String(200))
    """Empty for the label."""
    auth_name: Mapped[str] = mapped_column(String(200))
    sealed_password: Mapped[bytes]
    """Empty where one is to be generated."""
