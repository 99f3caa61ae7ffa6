"""How edges keep their files: the table of those that were ever told to seal them."""

from sqlalchemy import Boolean, Double, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from ringfence.hub.store.base import Base
from ringfence.hub.store.organisation_owned import OrganisationOwned, indexed, link


class EdgeModeRow(OrganisationOwned, Base):
    """An edge that is to keep its files sealed, or was: with the key, which it gets after each start.

    The key goes with the edge's revocation, and what the edge holds opens for nobody from then on.
    """

    __tablename__ = "edge_mode"
    __table_args__ = (
        link("edge_id", to="edge.id"),
        indexed("site_id"),
    )

    edge_id: Mapped[str] = mapped_column(String(20), primary_key=True)
    site_id: Mapped[str] = mapped_column(String(40))
    is_sealed: Mapped[bool] = mapped_column(Boolean)
    sealed_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    changed_at: Mapped[float] = mapped_column(Double)
