"""The organisations, and what is counted for each. Times are Unix seconds."""

from sqlalchemy import BigInteger, Boolean, Integer, String, false
from sqlalchemy.orm import Mapped, mapped_column

from ringfence.hub.store.base import Base
from ringfence.hub.store.organisation_owned import LONGEST_ORGANISATION_ID, OrganisationOwned

FIRST = "main"
"""The organisation that every hub has: what there was before there were several."""


class OrganisationRow(Base):
    """A customer of whoever runs the hub. Its id is never given again, as its sites' ids begin with it."""

    __tablename__ = "organisation"

    id: Mapped[str] = mapped_column(String(LONGEST_ORGANISATION_ID), primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[float]
    drafts_need_approval: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    """Whether a second person has to approve what is published."""
    jobs_approval: Mapped[str] = mapped_column(String(20), default="none", server_default="none")
    """What has to be before edges do some jobs (``fleet/edge_jobs.py``)."""
    most_sites: Mapped[int | None] = mapped_column(Integer)
    most_phones: Mapped[int | None] = mapped_column(Integer)
    most_people: Mapped[int | None] = mapped_column(Integer)
    most_api_tokens: Mapped[int | None] = mapped_column(Integer)
    most_stored_bytes: Mapped[int | None] = mapped_column(BigInteger)
    """What it may have at most (``store/organisation_limits.py``); None without a limit."""
    removed_at: Mapped[float | None]
    """Since when nothing of it is left but its id; None while it is there."""


class LastNumberRow(OrganisationOwned, Base):
    """The last number that a row of a table was given (``Numbered``)."""

    __tablename__ = "last_number"

    counted: Mapped[str] = mapped_column(String(40), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger)
