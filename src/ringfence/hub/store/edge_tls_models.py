"""Edges' keys for phones that come by HTTPS: the table of their certificates. Times are Unix seconds."""

from sqlalchemy import Double, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from ringfence.hub.store.base import Base
from ringfence.hub.store.organisation_owned import OrganisationOwned, indexed, link


class EdgeTlsKeyRow(OrganisationOwned, Base):
    """A key that an edge has made, by its certificate; the private key never leaves the edge.

    ``state`` is one of ``edge_tls_keys.EdgeKeyState``. Retired ones stay: the times of lists follow from them.
    """

    __tablename__ = "edge_tls_key"
    __table_args__ = (link("edge_id", to="edge.id"), indexed("site_id", "state"), indexed("edge_id"))

    fingerprint: Mapped[str] = mapped_column(String(64), primary_key=True)
    """The certificate's SHA-256."""
    edge_id: Mapped[str] = mapped_column(String(20))
    site_id: Mapped[str] = mapped_column(String(40))
    state: Mapped[str] = mapped_column(String(10))
    certificate: Mapped[str] = mapped_column(Text)
    """In PEM."""
    made_at: Mapped[float] = mapped_column(Double)
    ends_at: Mapped[float] = mapped_column(Double)
    renew_asked_at: Mapped[float | None] = mapped_column(Double)
    """When somebody asked for another key in its place."""
    retired_at: Mapped[float | None] = mapped_column(Double)
