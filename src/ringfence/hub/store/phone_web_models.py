"""The table of what goes between a browser and a phone's web page; times in Unix seconds."""

from sqlalchemy import Double, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from ringfence.hub.store.base import Base
from ringfence.hub.store.organisation_owned import OrganisationOwned, link


class PhoneWebExchangeRow(OrganisationOwned, Base):
    """One request of a session, sealed, and its answer; there only until somebody has it (``fleet/phone_web.py``)."""

    __tablename__ = "phone_web_exchange"
    __table_args__ = (link("job_id", to="edge_job.id"), link("edge_id", to="edge.id"))

    job_id: Mapped[str] = mapped_column(String(20), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    edge_id: Mapped[str] = mapped_column(String(20))
    asked_at: Mapped[float] = mapped_column(Double)
    sealed_request: Mapped[bytes]
    taken_at: Mapped[float | None] = mapped_column(Double)
    sealed_answer: Mapped[bytes | None]
