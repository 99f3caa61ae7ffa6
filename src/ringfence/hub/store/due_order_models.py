"""The table of orders to phones without an edge that tells them; times in Unix seconds."""

from sqlalchemy import Double, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from ringfence.hub.store.base import Base
from ringfence.hub.store.organisation_owned import OrganisationOwned, indexed, link


class DueOrderRow(OrganisationOwned, Base):
    """The order that a phone is to get, or got, through its PBX because a release changed its file.

    One row a phone: that of the newest release that changed it. It waits as long as ``due_at`` is set.
    """

    __tablename__ = "due_order"
    __table_args__ = (link("mac", to="phone.mac"), indexed("due_at"), indexed("claimed_at"))

    mac: Mapped[str] = mapped_column(String(12), primary_key=True)
    release: Mapped[int] = mapped_column(Integer)
    due_at: Mapped[float | None] = mapped_column(Double)
    """When it is sent, or tried again; None once it was sent or given up."""
    until: Mapped[float] = mapped_column(Double)
    """After this it is not sent any more."""
    tries: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    claimed_at: Mapped[float | None] = mapped_column(Double)
    """When a hub began to send it last: what is sent in a minute is counted by this."""
    told_at: Mapped[float | None] = mapped_column(Double)
    detail: Mapped[str] = mapped_column(String(300), default="", server_default="")
    """Through which PBX it was sent, or why it was not, in words."""
