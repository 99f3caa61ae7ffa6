"""The table of phones' own files, and who took them; times in Unix seconds."""

from sqlalchemy import Double, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from ringfence.hub.store.base import Base
from ringfence.hub.store.organisation_owned import OrganisationOwned, indexed, link


class PhoneFileRow(OrganisationOwned, Base):
    """The configuration that a phone has in the newest release of a site, and which release of that it took last.

    It outlives the releases that it speaks of. A phone that was moved has one of either site until both are published:
    that of the site where it is now counts.
    """

    __tablename__ = "phone_file"
    __table_args__ = (link("mac", to="phone.mac"), indexed("site_id"))

    mac: Mapped[str] = mapped_column(String(12), primary_key=True)
    site_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(255))
    digest: Mapped[str] = mapped_column(String(64))
    since: Mapped[int] = mapped_column(Integer)
    """The release in which the file last changed."""
    taken: Mapped[int | None] = mapped_column(Integer)
    """The newest release of this site from which the phone took its configuration; None where it was not seen to."""
    taken_at: Mapped[float | None] = mapped_column(Double)
