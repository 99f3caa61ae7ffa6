"""The guard's tables: what sites ask, what people opened and shut, and what is to be looked at.

Times are Unix seconds; MAC addresses are bare.
"""

from sqlalchemy import JSON, BigInteger, Boolean, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from ringfence.hub.store.base import Base
from ringfence.hub.store.organisation_owned import Numbered, OrganisationOwned, indexed, link


class GuardPolicyRow(OrganisationOwned, Base):
    """What one site asks, where it differs from the defaults; a site without a row has them all.

    ``needs`` is kind of file → level; ``per_address`` what one address may cost the site's edges, where that is set
    (``policy.PER_ADDRESS``). A phone's window at a gateway makes the address that used it known for
    ``learned_days``.
    """

    __tablename__ = "guard_policy"
    __table_args__ = (link("site_id", to="site.id"),)

    site_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    needs: Mapped[dict[str, str]] = mapped_column(JSON)
    networks: Mapped[list[str]] = mapped_column(JSON)
    first_contact: Mapped[str] = mapped_column(String(20))
    gateway: Mapped[str] = mapped_column(String(20))
    edge_moves: Mapped[str] = mapped_column(String(20))
    learned_days: Mapped[int]
    per_address: Mapped[dict[str, int]] = mapped_column(JSON, server_default="{}")


class GuardWindowRow(OrganisationOwned, Base):
    """A provisioning window; ``bound_to`` is the address that took it, ``used_at`` when that had the whole file."""

    __tablename__ = "guard_window"
    __table_args__ = (
        link("site_id", to="site.id"),
        indexed("site_id"),
        indexed("mac"),
    )

    id: Mapped[str] = mapped_column(String(20), primary_key=True)
    site_id: Mapped[str] = mapped_column(String(40))
    mac: Mapped[str] = mapped_column(String(12))
    who: Mapped[str] = mapped_column(String(80))
    opened_at: Mapped[float]
    until: Mapped[float]
    bound_to: Mapped[str] = mapped_column(String(64), default="")
    used_at: Mapped[float | None]
    closed_at: Mapped[float | None]


class ProvisioningCredentialRow(OrganisationOwned, Base):
    """A password by which a phone fetches its own file over HTTP; the newest is in the file.

    Older ones are good until the phone has used a newer one; ``proved_at`` is when it has used this one.
    """

    __tablename__ = "provisioning_credential"
    __table_args__ = (link("mac", to="phone.mac"),)

    mac: Mapped[str] = mapped_column(String(12), primary_key=True)
    serial: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    sealed_password: Mapped[bytes]
    created_at: Mapped[float]
    proved_at: Mapped[float | None]


class GuardBanRow(Numbered, Base):
    """An address that a person has shut out, at one site or (``site_id`` None) at all of its organisation.

    One that ends as it begins lets the address in: it ends what a gateway has made by itself before.
    """

    __tablename__ = "guard_ban"
    __table_args__ = (
        indexed("host"),
        link("site_id", to="site.id"),
        indexed("site_id"),
    )

    host: Mapped[str] = mapped_column(String(64))
    site_id: Mapped[str | None] = mapped_column(String(40))
    made_at: Mapped[float]
    until: Mapped[float]
    why: Mapped[str] = mapped_column(String(200))
    who: Mapped[str] = mapped_column(String(80))


class GuardNetworkRow(OrganisationOwned, Base):
    """A network that is known to belong to a site, and why."""

    __tablename__ = "guard_network"
    __table_args__ = (link("site_id", to="site.id"),)

    site_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    network: Mapped[str] = mapped_column(String(50), primary_key=True)
    why: Mapped[str] = mapped_column(String(200))
    until: Mapped[float]


class GuardElsewhereRow(OrganisationOwned, Base):
    """A phone that another site has served lately: at this one it is refused until then."""

    __tablename__ = "guard_elsewhere"
    __table_args__ = (link("site_id", to="site.id"),)

    site_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    mac: Mapped[str] = mapped_column(String(12), primary_key=True)
    place: Mapped[str] = mapped_column(String(80))
    until: Mapped[float]


class GuardAlertRow(Numbered, Base):
    """Something that a person should look at; at most one is open for a site, kind and subject.

    Without a site it is about the hub itself, or about something of the whole organisation's.
    ``peer`` is the address that asked last, ``model`` what the phone is or seems to be; empty where that says nothing.
    """

    __tablename__ = "guard_alert"
    __table_args__ = (
        indexed("site_id", "kind", "subject", name="ix_guard_alert_subject"),
        link("site_id", to="site.id"),
    )

    site_id: Mapped[str | None] = mapped_column(String(40))
    kind: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(64))
    first_at: Mapped[float]
    last_at: Mapped[float]
    count: Mapped[int]
    sentence: Mapped[str] = mapped_column(Text)
    peer: Mapped[str] = mapped_column(String(64), default="")
    model: Mapped[str] = mapped_column(String(40), default="")
    closed_at: Mapped[float | None]
    closed_by: Mapped[str] = mapped_column(String(80), default="")


class GuardCountRow(OrganisationOwned, Base):
    """How many requests met each verdict at each level, at a site, as its edges counted them."""

    __tablename__ = "guard_count"
    __table_args__ = (link("site_id", to="site.id"),)

    site_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    verdict: Mapped[str] = mapped_column(String(20), primary_key=True)
    level: Mapped[str] = mapped_column(String(8), primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)


class EdgeNetworkRow(OrganisationOwned, Base):
    """A network from which an edge has connected; ``accepted``: it may stand there."""

    __tablename__ = "edge_network"
    __table_args__ = (link("edge_id", to="edge.id"),)

    edge_id: Mapped[str] = mapped_column(String(20), primary_key=True)
    network: Mapped[str] = mapped_column(String(50), primary_key=True)
    first_at: Mapped[float]
    last_at: Mapped[float]
    accepted: Mapped[bool] = mapped_column(Boolean, default=False)


class AlertChannelRow(OrganisationOwned, Base):
    """Where somebody wants to be told of alerts; ``alert_kinds`` and ``recipients`` are separated by commas.

    In its ``quiet_hours``, such as 22:00-07:00 in ``time_zone``, it is told of nothing.

    ``failing_since`` is when it stopped taking notices, ``problem`` why; ``dropped`` counts what it was never told.
    """

    __tablename__ = "alert_channel"
    __table_args__ = (link("site_id", to="site.id"),)

    LONGEST_URL = 500

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    url: Mapped[str] = mapped_column(String(500))
    recipients: Mapped[str] = mapped_column(Text)
    sender: Mapped[str] = mapped_column(String(254))
    user: Mapped[str] = mapped_column(String(254))
    sealed_secret: Mapped[bytes]
    alert_kinds: Mapped[str] = mapped_column(Text)
    site_id: Mapped[str | None] = mapped_column(String(40))
    created_at: Mapped[float]
    sent: Mapped[int] = mapped_column(BigInteger)
    sent_at: Mapped[float | None]
    failing_since: Mapped[float | None]
    problem: Mapped[str] = mapped_column(String(300))
    dropped: Mapped[int] = mapped_column(BigInteger)
    quiet_hours: Mapped[str] = mapped_column(String(11), default="", server_default="")
    time_zone: Mapped[str] = mapped_column(String(64), default="", server_default="")


class AlertNoticeRow(Numbered, Base):
    """Something that a channel is still to be told: ``body`` is the alert as it was then, in JSON."""

    __tablename__ = "alert_notice"
    __table_args__ = (
        link("channel_id", to="alert_channel.id"),
        indexed("channel_id"),
        indexed("alert_id"),
        indexed("due_at"),
    )

    channel_id: Mapped[str] = mapped_column(String(40))
    alert_id: Mapped[int] = mapped_column(Integer)
    event: Mapped[str] = mapped_column(String(20))
    body: Mapped[str] = mapped_column(Text)
    made_at: Mapped[float]
    due_at: Mapped[float]
    tries: Mapped[int]
