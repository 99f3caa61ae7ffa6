"""The tables of PBXes: changes of secrets with them, and orders to phones through them. Times are Unix seconds."""

from sqlalchemy import Boolean, Integer, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from ringfence.hub.store.base import Base
from ringfence.hub.store.organisation_owned import OrganisationOwned, indexed, link


class PbxRow(OrganisationOwned, Base):
    """A PBX that the hub speaks to. ``sip_servers`` are those that phones register with; empty stands for any."""

    __tablename__ = "pbx"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    url: Mapped[str] = mapped_column(String(255))
    user: Mapped[str] = mapped_column(String(80), default="")
    sealed_secret: Mapped[bytes]
    realm: Mapped[str] = mapped_column(String(80))
    sip_servers: Mapped[str] = mapped_column(String(500), default="")
    trust: Mapped[str] = mapped_column(Text, default="")
    """For TLS: a CA's certificate in PEM, or a certificate's SHA-256; empty for the machine's CAs."""
    created_at: Mapped[float]


class RotationRow(OrganisationOwned, Base):
    """One phone's change of secrets under way, or the last one: its stage, and what it waits for."""

    __tablename__ = "rotation"
    __table_args__ = (
        link("mac", to="phone.mac"),
        link("pbx_id", to="pbx.id", cascade=False),
        indexed("stage"),
    )

    mac: Mapped[str] = mapped_column(String(12), primary_key=True)
    pbx_id: Mapped[str] = mapped_column(String(40))
    stage: Mapped[str] = mapped_column(String(20))
    release: Mapped[int] = mapped_column(Integer, default=0)
    began_at: Mapped[float]
    changed_at: Mapped[float]
    until: Mapped[float]
    detail: Mapped[str] = mapped_column(String(500), default="")
    who: Mapped[str] = mapped_column(String(80))
    marks: Mapped[str] = mapped_column(Text, default="", server_default="")
    """The registrations that were there when the PBX began to accept the new secret alone, one a line."""
    restored: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """The release with the old secret, once it is published again; ``release`` is the one with the new secret."""
    told: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    """Whether the PBX has sent the phone an order in this stage."""
    problem: Mapped[str] = mapped_column(String(500), default="", server_default="")
    """Why the newest try of this stage's step failed; empty if it did not."""
    failing_since: Mapped[float | None]
    next_try_at: Mapped[float] = mapped_column(default=0.0, server_default="0")
    together: Mapped[str] = mapped_column(String(20), default="", server_default="")
    """The same for all phones that share a line, and so change it together; empty for a phone that shares none."""
    keeps_new: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    """Whether the PBX goes on accepting the new secret beside the old one, as the phone may have it."""


class PhoneOrderRow(OrganisationOwned, Base):
    """What came of the last order that the hub gave a phone through its PBX, after its edge's was refused."""

    __tablename__ = "phone_order"
    __table_args__ = (link("mac", to="phone.mac"),)

    mac: Mapped[str] = mapped_column(String(12), primary_key=True)
    report_id: Mapped[int] = mapped_column(Integer)
    """The edge's report of the refusal."""
    at: Mapped[float]
    detail: Mapped[str] = mapped_column(String(300))


class RoomOrderRow(OrganisationOwned, Base):
    """The last order for a phone that its edge is to send, as its PBX can't bring it to the phone."""

    __tablename__ = "room_order"
    __table_args__ = (link("mac", to="phone.mac"),)

    mac: Mapped[str] = mapped_column(String(12), primary_key=True)
    number: Mapped[str] = mapped_column(String(32))
    host: Mapped[str] = mapped_column(String(64))
    port: Mapped[int] = mapped_column(Integer)
    action: Mapped[str] = mapped_column(String(20))
    register_call_id: Mapped[str] = mapped_column(String(255))
    until: Mapped[float]


class OldSecretRow(OrganisationOwned, Base):
    """A line's password from before a rotation that is under way."""

    __tablename__ = "old_secret"
    __table_args__ = (link("mac", "index", to="line.mac,index"),)

    mac: Mapped[str] = mapped_column(String(12), primary_key=True)
    index: Mapped[int] = mapped_column(Integer, primary_key=True)
    sealed_password: Mapped[bytes]
