"""Edits that are not made yet. Times are Unix seconds."""

from sqlalchemy import JSON, BigInteger, Boolean, Double, Integer, LargeBinary, String, false
from sqlalchemy.orm import Mapped, mapped_column

from ringfence.hub.store.base import Base
from ringfence.hub.store.organisation_owned import OrganisationOwned, indexed, link


class DraftRow(OrganisationOwned, Base):
    """A list of edits under a name, somebody's own or shared; it is gone once it is published or discarded."""

    __tablename__ = "draft"
    __table_args__ = (indexed("name"),)

    id: Mapped[str] = mapped_column(String(20), primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    author: Mapped[str] = mapped_column(String(80))
    author_id: Mapped[str] = mapped_column(String(40))
    is_shared: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    """Whether others see it and may add to it."""
    created_at: Mapped[float]
    changed_at: Mapped[float]
    version: Mapped[int] = mapped_column(BigInteger, default=0)
    """Grows with every change of its edits, so that two who add one at the same moment notice it."""
    last_edit: Mapped[int] = mapped_column(Integer, default=0)
    """The highest number that one of its edits ever had."""
    approved_by: Mapped[str] = mapped_column(String(80), default="", server_default="")
    """Who approved its edits as they are; empty again with the next edit."""
    approved_edits: Mapped[dict[str, int] | None] = mapped_column(JSON(none_as_null=True), default=None)
    """How often each site that it changes had been edited then; one that was edited since is not what was approved."""
    publish_at: Mapped[float | None] = mapped_column(Double)
    """When it is to be published; None if nobody said so."""
    publish_by: Mapped[str] = mapped_column(String(80), default="", server_default="")
    publish_by_id: Mapped[str] = mapped_column(String(40), default="", server_default="")
    comment: Mapped[str] = mapped_column(String(500), default="", server_default="")
    problem: Mapped[str] = mapped_column(String(500), default="", server_default="")
    """Why it could not be published when its time had come; empty if it never was its time."""


class DraftEditRow(OrganisationOwned, Base):
    """One edit of a draft: the request that makes it, and what it found where it writes."""

    __tablename__ = "draft_edit"
    __table_args__ = (link("draft_id", to="draft.id"),)

    draft_id: Mapped[str] = mapped_column(String(20), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    at: Mapped[float]
    who: Mapped[str] = mapped_column(String(80))
    caller_id: Mapped[str] = mapped_column(String(40))
    address: Mapped[str] = mapped_column(String(64), default="")
    method: Mapped[str] = mapped_column(String(8))
    path: Mapped[str] = mapped_column(String(600))
    """With its query."""
    sealed_body: Mapped[bytes] = mapped_column(LargeBinary)
    """It may hold secrets; sealed for exactly this row."""
    found: Mapped[dict[str, str]] = mapped_column(JSON)
    """What the hub held where it writes (``store/touched.py``)."""
