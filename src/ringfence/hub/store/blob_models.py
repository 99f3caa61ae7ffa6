"""The tables of what is kept how long: which blobs there are, and what was removed. Times are Unix seconds."""

from sqlalchemy import BigInteger, Double, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from ringfence.hub.store.base import Base


class BlobRow(Base):
    """A blob that was put into the store, or was about to be: written before the first byte, gone after the last.

    Organisations share blobs, so it is none's.
    """

    __tablename__ = "blob"
    __table_args__ = (Index("ix_blob_look_at", "look_at"),)

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    length: Mapped[int] = mapped_column(BigInteger)
    """In bytes; 0 until an upload is whole."""
    look_at: Mapped[float] = mapped_column(Double)
    """When somebody looks whether anything still refers to it."""
    unused_since: Mapped[float | None] = mapped_column(Double)
    """The look that first found that nothing refers to it; None where something may."""


class RetentionTallyRow(Base):
    """A number that is counted along: what blobs there are, and what was removed since the beginning."""

    __tablename__ = "retention_tally"

    name: Mapped[str] = mapped_column(String(30), primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger)
