"""The table of keys in the URLs of phones that have no certificate; times in Unix seconds."""

from sqlalchemy import Double, String
from sqlalchemy.orm import Mapped, mapped_column

from ringfence.hub.store.base import Base
from ringfence.hub.store.organisation_owned import OrganisationOwned, indexed, link


class PhoneUrlKeyRow(OrganisationOwned, Base):
    """The key in a phone's URL (``fleet/phone_https.py``): its hash, and whom it is bound to since its first use."""

    __tablename__ = "phone_url_key"
    __table_args__ = (link("mac", to="phone.mac"), indexed("key_hash"))

    mac: Mapped[str] = mapped_column(String(12), primary_key=True)
    key_hash: Mapped[str] = mapped_column(String(64))
    """SHA-256, in hexadecimal: the key is random, so nothing is to be guessed from it."""
    networks: Mapped[str] = mapped_column(String(200))
    """Where it may be used from, with commas between; empty for where it is first used."""
    made_at: Mapped[float] = mapped_column(Double)
    made_by: Mapped[str] = mapped_column(String(80))
    until: Mapped[float] = mapped_column(Double)
    """Until when it must have been used first."""
    bound_at: Mapped[float | None] = mapped_column(Double)
    bound_agent: Mapped[str] = mapped_column(String(60), default="", server_default="")
    """Address, serial number and model, as the User-Agent said."""
    bound_network: Mapped[str] = mapped_column(String(64), default="", server_default="")
    used_at: Mapped[float | None] = mapped_column(Double)
