"""The tables of boxes' networks: what sites ask, what boxes tell, and the other ends of tunnels; in Unix seconds."""

from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, ForeignKey, Integer, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from ringfence.hub.store.base import Base
from ringfence.hub.store.organisation_owned import OrganisationOwned, indexed, link, unique


class SiteNetworkRow(OrganisationOwned, Base):
    """What a site asks of its boxes' networks; a site without a row has the defaults (``fleet/networks.py``).

    ``reach`` is None for what follows from the phones' SIP servers.
    """

    __tablename__ = "site_network"
    __table_args__ = (link("site_id", to="site.id"),)

    site_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    is_box: Mapped[bool] = mapped_column(Boolean)
    """Whether its edges are boxes before they say so."""
    prefix: Mapped[int] = mapped_column(Integer)
    """The length of its boxes' subnets' prefix."""
    mtu: Mapped[int] = mapped_column(Integer)
    uplink_kbit: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """What the home's line takes, in kbit/s; 0 if nobody has said."""
    known_only: Mapped[bool] = mapped_column(Boolean)
    guests: Mapped[bool] = mapped_column(Boolean)
    domain: Mapped[str] = mapped_column(String(253))
    ntp_servers: Mapped[list[str]] = mapped_column(JSON)
    names: Mapped[dict[str, list[str]]] = mapped_column(JSON)
    reach: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    direct_media: Mapped[list[str]] = mapped_column(JSON)
    """Sites, by id; open where both name each other."""
    port_access: Mapped[str] = mapped_column(String(20))
    wifi_ssid: Mapped[str] = mapped_column(String(32))
    wifi_country: Mapped[str] = mapped_column(String(2))
    sealed_wifi_passphrase: Mapped[bytes | None]
    wifi_changed_at: Mapped[float | None]


class PortAuthorityRow(OrganisationOwned, Base):
    """A CA of a phone manufacturer whose certificates 802.1X accepts at all of an organisation's boxes."""

    __tablename__ = "port_authority"

    id: Mapped[str] = mapped_column(String(20), primary_key=True)
    subject: Mapped[str] = mapped_column(String(200))
    fingerprint: Mapped[str] = mapped_column(String(64))
    ends_at: Mapped[float]
    pem: Mapped[str] = mapped_column(Text)
    added_at: Mapped[float]
    added_by: Mapped[str] = mapped_column(String(80))


class BoxRow(OrganisationOwned, Base):
    """An edge that is a box: its subnet, and what it told last (``wire.network_messages.BoxStanding``).

    What may happen only a few times a day is counted from ``day_began_at`` on.
    """

    __tablename__ = "box"
    __table_args__ = (
        link("edge_id", to="edge.id"),
        indexed("site_id"),
    )

    edge_id: Mapped[str] = mapped_column(String(20), primary_key=True)
    site_id: Mapped[str] = mapped_column(String(40))
    subnet: Mapped[str] = mapped_column(String(18), default="")
    """In CIDR form; empty while there is none for it."""
    subnet_since: Mapped[float | None]
    subnet_problem: Mapped[str] = mapped_column(String(300), default="")
    """Why it has none, or one that collides, in words."""
    subnet_tried_at: Mapped[float | None]
    """When it was last looked for one in vain."""
    told_at: Mapped[float | None]
    standing: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # Any: a message in JSON's types
    uplink_networks: Mapped[list[str]] = mapped_column(JSON, default=list)
    public_key: Mapped[str] = mapped_column(String(44), default="")
    next_public_key: Mapped[str] = mapped_column(String(44), default="")
    key_since: Mapped[float | None]
    retired_key: Mapped[str] = mapped_column(String(44), default="", server_default="")
    """The public key that a person wants changed."""
    rules_version: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """The rules that it goes by."""
    day_began_at: Mapped[float] = mapped_column(default=0.0)
    renumberings: Mapped[int] = mapped_column(Integer, default=0)
    key_changes: Mapped[int] = mapped_column(Integer, default=0)


class BoxSubnetRow(Base):
    """A subnet that a box of any organisation has or had; ``first`` and ``last`` are IPv4 addresses as numbers.

    Whose it is no organisation learns, but that no two boxes of a hub have the same.
    """

    __tablename__ = "box_subnet"

    first: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    last: Mapped[int] = mapped_column(BigInteger, index=True)
    edge_id: Mapped[str | None] = mapped_column(String(20), ForeignKey("edge.id", ondelete="SET NULL"), index=True)
    freed_at: Mapped[float | None]
    """Since when nobody has it; also None where its edge was removed with all that is its."""


class ConcentratorRow(OrganisationOwned, Base):
    """The other end of an organisation's tunnels, beside its PBX. ``networks`` are routed to it (CIDR).

    ``position`` is its place in the order in which boxes try them. Until it enrols it has no certificate.
    """

    __tablename__ = "concentrator"
    __table_args__ = (unique("name"),)

    id: Mapped[str] = mapped_column(String(20), primary_key=True, unique=True)
    name: Mapped[str] = mapped_column(String(80))
    position: Mapped[int] = mapped_column(Integer)
    networks: Mapped[list[str]] = mapped_column(JSON)
    created_at: Mapped[float]
    enrolled_at: Mapped[float | None]
    key_fingerprint: Mapped[str] = mapped_column(String(64), default="")
    certificate_fingerprint: Mapped[str | None] = mapped_column(String(64), unique=True)
    certificate_ends_at: Mapped[float | None]
    hostname: Mapped[str] = mapped_column(String(255), default="")
    version: Mapped[str] = mapped_column(String(40), default="")
    address: Mapped[str] = mapped_column(String(15), default="", server_default="")
    """Its own inside the tunnel, at which boxes ask whether it is there."""
    endpoint: Mapped[str] = mapped_column(String(300), default="")
    """Where boxes find it, as ``host:port``; as it says."""
    public_key: Mapped[str] = mapped_column(String(44), default="")
    next_public_key: Mapped[str] = mapped_column(String(44), default="")
    retired_key: Mapped[str] = mapped_column(String(44), default="", server_default="")
    """The public key that a person wants changed."""
    peers_version: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """The peers that it has let in, in their epoch (``fleet/tunnel_peers.py``)."""
    peers_epoch: Mapped[str] = mapped_column(String(40), default="", server_default="")
    told_at: Mapped[float | None]
    handshakes: Mapped[dict[str, float]] = mapped_column(JSON, default=dict)
    """When each box, by id, shook hands with it last."""
    connected_until: Mapped[float | None]
    endpoints_digest: Mapped[str] = mapped_column(String(64), default="", server_default="")
    """Where it knows the hub to be (``content/hub_endpoints.py``), as it says."""
    hub_url: Mapped[str] = mapped_column(String(300), default="", server_default="")
    """The address at which it reached the hub last, as it says."""
    issuer: Mapped[str] = mapped_column(String(64), default="", server_default="")
    """The CA of the certificate that it showed last."""


class TunnelTokenRow(OrganisationOwned, Base):
    """A one-time way into the device API for one concentrator; only the secret's SHA-256 is kept."""

    __tablename__ = "tunnel_token"
    __table_args__ = (link("concentrator_id", to="concentrator.id"),)

    id: Mapped[str] = mapped_column(String(20), primary_key=True)
    concentrator_id: Mapped[str] = mapped_column(String(20))
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[float]
    created_by: Mapped[str] = mapped_column(String(80))
    expires_at: Mapped[float]
    used_at: Mapped[float | None]
    is_ended: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())


class TunnelKeyRow(Base):
    """A public key of a tunnel, and whose it is: a key that somebody has is nobody else's, in no organisation."""

    __tablename__ = "tunnel_key"

    public_key: Mapped[str] = mapped_column(String(44), primary_key=True)
    edge_id: Mapped[str | None] = mapped_column(String(20), ForeignKey("edge.id", ondelete="CASCADE"), index=True)
    concentrator_id: Mapped[str | None] = mapped_column(
        String(20), ForeignKey("concentrator.id", ondelete="CASCADE"), index=True
    )
