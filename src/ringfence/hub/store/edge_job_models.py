"""What edges were asked to do, and what came of it. Times are Unix seconds."""

from sqlalchemy import JSON, BigInteger, Boolean, Double, Integer, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from ringfence.hub.store.base import Base
from ringfence.hub.store.organisation_owned import OrganisationOwned, indexed, link


class EdgeJobRow(OrganisationOwned, Base):
    """One job of one edge: what was asked, by whom and why, and what the edge has told of it."""

    __tablename__ = "edge_job"
    __table_args__ = (
        link("edge_id", to="edge.id"),
        indexed("edge_id", "asked_at", "id"),
        indexed("asked_at", "id"),
        indexed("state"),
    )

    id: Mapped[str] = mapped_column(String(20), primary_key=True)
    edge_id: Mapped[str] = mapped_column(String(20))
    site_id: Mapped[str] = mapped_column(String(40))
    kind: Mapped[str] = mapped_column(String(20))
    orders: Mapped[dict[str, int]] = mapped_column(JSON)
    """How it is to be done: lines, seconds, most_bytes."""
    reach: Mapped[str] = mapped_column(String(1000), default="", server_default="")
    """Places that a diagnosis tries to reach, with spaces between."""
    with_secrets: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    asked_at: Mapped[float] = mapped_column(Double)
    asked_by: Mapped[str] = mapped_column(String(80))
    asked_by_id: Mapped[str] = mapped_column(String(40), default="", server_default="")
    """The person or API token."""
    why: Mapped[str] = mapped_column(String(300), default="", server_default="")
    until: Mapped[float] = mapped_column(Double)
    """Until when its edge may begin."""
    approved_by: Mapped[str] = mapped_column(String(80), default="", server_default="")
    state: Mapped[str] = mapped_column(String(12))
    """``wire.job_messages.EdgeJobState``, but for what only the time tells (``fleet/edge_jobs.py``)."""
    attempt: Mapped[str] = mapped_column(String(40), default="", server_default="")
    """The word of whoever has taken it; empty before."""
    began_at: Mapped[float | None] = mapped_column(Double)
    ended_at: Mapped[float | None] = mapped_column(Double)
    parts: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """How many parts its edge has told."""
    sentence: Mapped[str] = mapped_column(String(500), default="", server_default="")
    result: Mapped[str] = mapped_column(Text, default="", server_default="")
    size_bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """Of its capture."""
    mac: Mapped[str] = mapped_column(String(12), default="", server_default="")
    """The phone whose web page it opens."""
    with_changes: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    web_requests: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """How many requests were made of the phone's page, and how many bytes of answers it gave."""
    web_bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")


class EdgeJobPartRow(OrganisationOwned, Base):
    """A part of a job's capture, sealed."""

    __tablename__ = "edge_job_part"
    __table_args__ = (link("job_id", to="edge_job.id"), link("edge_id", to="edge.id"))

    job_id: Mapped[str] = mapped_column(String(20), primary_key=True)
    part: Mapped[int] = mapped_column(Integer, primary_key=True)
    edge_id: Mapped[str] = mapped_column(String(20))
    sealed_data: Mapped[bytes]
