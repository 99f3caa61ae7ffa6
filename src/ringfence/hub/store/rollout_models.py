"""Publishing in waves. Times are Unix seconds."""

from sqlalchemy import Boolean, Double, Integer, String, false
from sqlalchemy.orm import Mapped, mapped_column

from ringfence.hub.store.base import Base
from ringfence.hub.store.organisation_owned import OrganisationOwned, indexed, link


class RolloutRow(OrganisationOwned, Base):
    """A publish of some sites, wave after wave, each only if the one before went well."""

    __tablename__ = "rollout"
    __table_args__ = (indexed("state"), indexed("created_at", "id"))

    id: Mapped[str] = mapped_column(String(20), primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    who: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[float]
    changed_at: Mapped[float]
    state: Mapped[str] = mapped_column(String(12))
    """``hub/publishing/rollouts.py`` names them."""
    why: Mapped[str] = mapped_column(String(500), default="")
    """Why it is paused, in words; empty if it is not."""
    wave: Mapped[int] = mapped_column(Integer, default=1)
    """Up to which wave sites are published, from 1."""
    waves: Mapped[int] = mapped_column(Integer)
    gate_s: Mapped[float] = mapped_column(Double)
    """How long the phones of a site have to take their files and to be registered."""
    most_failed_percent: Mapped[int] = mapped_column(Integer)
    hours: Mapped[str] = mapped_column(String(11), default="")
    """When sites are published, such as 22:00-05:00; empty: at any time."""
    time_zone: Mapped[str] = mapped_column(String(64), default="")
    when_idle: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    """Whether phones that are told by keys wait until nobody uses them."""


class RolloutSiteRow(OrganisationOwned, Base):
    """A site of a rollout, and what became of it. It is kept when the site is removed."""

    __tablename__ = "rollout_site"
    __table_args__ = (link("rollout_id", to="rollout.id"),)

    rollout_id: Mapped[str] = mapped_column(String(20), primary_key=True)
    site_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    wave: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(12))
    release: Mapped[int] = mapped_column(Integer, default=0)
    """The release that it got; 0 before, and where nothing changed."""
    published_at: Mapped[float | None] = mapped_column(Double)
    """Since when its phones are waited for."""
    problem: Mapped[str] = mapped_column(String(500), default="")


class RolloutPhoneRow(OrganisationOwned, Base):
    """A phone whose files a rollout changed."""

    __tablename__ = "rollout_phone"
    __table_args__ = (link("rollout_id", to="rollout.id"), indexed("rollout_id", "site_id"))

    rollout_id: Mapped[str] = mapped_column(String(20), primary_key=True)
    mac: Mapped[str] = mapped_column(String(12), primary_key=True)
    site_id: Mapped[str] = mapped_column(String(40))
    state: Mapped[str] = mapped_column(String(12))
    problem: Mapped[str] = mapped_column(String(500), default="")
    tell_at: Mapped[float | None] = mapped_column(Double)
    """When the hub is to tell it; None where its edge does, or it was told."""
