"""The tables of VPN head ends, which phones with an AnyConnect client of their own connect to. Times are Unix seconds.

No private key is in here: that of a head end never leaves it.
"""

from sqlalchemy import JSON, Boolean, Double, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from ringfence.hub.store.base import Base
from ringfence.hub.store.organisation_owned import OrganisationOwned, indexed, link

LONGEST_HEAD_END = 40


class VpnHeadEndRow(OrganisationOwned, Base):
    """A head end: where phones find it, how they sign in there, and what it was given last."""

    __tablename__ = "vpn_head_end"

    name: Mapped[str] = mapped_column(String(LONGEST_HEAD_END), primary_key=True)
    addresses: Mapped[list[str]] = mapped_column(JSON)
    """Where phones find it, ``HOST`` or ``HOST:PORT``, in the order in which they try them."""
    login: Mapped[str] = mapped_column(String(20))
    """A ``VpnLogin``."""
    network: Mapped[str] = mapped_column(String(18))
    """Phones' addresses inside."""
    routes: Mapped[list[str]] = mapped_column(JSON)
    """Networks that phones reach through it; none for everything."""
    created_at: Mapped[float] = mapped_column(Double)
    created_by: Mapped[str] = mapped_column(String(80))
    exported_at: Mapped[float | None] = mapped_column(Double)
    exported_by: Mapped[str] = mapped_column(String(80), default="")
    exported: Mapped[str] = mapped_column(String(64), default="")
    """The certificate of the last export, by its SHA-256."""
    shown_at: Mapped[float | None] = mapped_column(Double)
    """When somebody or its follower looked last which certificate it shows."""
    shown: Mapped[str] = mapped_column(String(64), default="")
    """That certificate, by its SHA-256."""
    followed_at: Mapped[float | None] = mapped_column(Double)
    """When its follower asked last who may use it."""


class VpnCertificateRow(OrganisationOwned, Base):
    """A certificate of a head end, with what phones compare it with."""

    __tablename__ = "vpn_certificate"
    __table_args__ = (link("head_end", to="vpn_head_end.name"), indexed("head_end", "state"))

    head_end: Mapped[str] = mapped_column(String(LONGEST_HEAD_END), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64), primary_key=True)
    """Its SHA-256."""
    pin: Mapped[str] = mapped_column(String(28))
    """Its SHA-1 in base64, as phones' files have it."""
    state: Mapped[str] = mapped_column(String(10))
    """A ``VpnCertificateState``."""
    chain: Mapped[str] = mapped_column(Text)
    """In PEM, with the certificates of CAs behind it."""
    subject: Mapped[str] = mapped_column(String(200))
    ends_at: Mapped[float] = mapped_column(Double)
    announced_at: Mapped[float] = mapped_column(Double)
    announced_by: Mapped[str] = mapped_column(String(80))
    used_since: Mapped[float | None] = mapped_column(Double)


class VpnOfferRow(OrganisationOwned, Base):
    """What a phone's file says of its head end from one release of its site on, until the next row."""

    __tablename__ = "vpn_offer"
    __table_args__ = (link("site_id", to="site.id"), link("mac", to="phone.mac"), indexed("mac"))

    site_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    mac: Mapped[str] = mapped_column(String(12), primary_key=True)
    release: Mapped[int] = mapped_column(Integer, primary_key=True)
    head_end: Mapped[str] = mapped_column(String(LONGEST_HEAD_END))
    """Empty for none."""
    pins: Mapped[list[str]] = mapped_column(JSON)
    sealed: Mapped[bool] = mapped_column(Boolean)
    """Whether the signed file is a stub that leads to the encrypted one."""


class VpnPhoneRow(OrganisationOwned, Base):
    """What a phone finds now, and what it was seen to take last, of its head end."""

    __tablename__ = "vpn_phone"
    __table_args__ = (
        link("mac", to="phone.mac"),
        indexed("offered_to", "mac"),
        indexed("taken_of", "mac"),
    )

    mac: Mapped[str] = mapped_column(String(12), primary_key=True)
    offered_to: Mapped[str] = mapped_column(String(LONGEST_HEAD_END))
    """The head end in the file that it finds; empty for none."""
    offered: Mapped[list[str]] = mapped_column(JSON)
    taken_of: Mapped[str] = mapped_column(String(LONGEST_HEAD_END), default="")
    """The head end in the file that it took last; empty for none."""
    taken: Mapped[list[str]] = mapped_column(JSON, default=list)
    taken_at: Mapped[float | None] = mapped_column(Double)


class VpnPasswordRow(OrganisationOwned, Base):
    """A phone's password at its head end, as a hash; whoever made it saw it once."""

    __tablename__ = "vpn_password"
    __table_args__ = (link("mac", to="phone.mac"),)

    mac: Mapped[str] = mapped_column(String(12), primary_key=True)
    password_hash: Mapped[str] = mapped_column(String(80))
    made_at: Mapped[float] = mapped_column(Double)
    made_by: Mapped[str] = mapped_column(String(80))
