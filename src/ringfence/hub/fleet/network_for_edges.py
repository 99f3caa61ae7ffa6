"""The rules of a box's network, compiled from the fleet: all of them each time, in the form of the device API.

An edge that is held back keeps its subnet, so that its phones go on with what they have, and gets nobody's tunnel: no
concentrator, nothing that phones may reach, and no Wi-Fi passphrase that was set since it stands where it does. One
that is revoked gets no state at all (``hub/device``), and is out of every concentrator's peers.
"""

from collections.abc import Sequence
from ipaddress import IPv4Network

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from ringfence.hub.data.sealing import Sealer
from ringfence.hub.fleet import default_reach, networks
from ringfence.hub.fleet import network_words as words
from ringfence.hub.fleet.guard.policy import EdgeMoves
from ringfence.hub.fleet.networks import SiteNetwork
from ringfence.hub.store.guard_models import EdgeNetworkRow, GuardPolicyRow
from ringfence.hub.store.models import EdgeRow, PhoneRow, SiteRow
from ringfence.hub.store.network_models import BoxRow, ConcentratorRow, PortAuthorityRow, SiteNetworkRow
from ringfence.wire.network_messages import (
    NetworkConcentrator,
    NetworkName,
    NetworkReach,
    NetworkRules,
    NetworkWifi,
    PortAccess,
)

GUEST_SUBNETS = tuple(map(IPv4Network, ("192.168.245.0/24", "172.29.245.0/24", "10.245.245.0/24", "100.65.245.0/24")))
"""A box takes the first that overlaps nothing; it may be the same everywhere, as what guests send is translated."""


def compile_network(session: Session, sealer: Sealer, edge: EdgeRow, now: float, held: str) -> NetworkRules | None:
    """Return the rules for the network of ``edge``; None for one that is no box. ``held`` is why it is held back."""
    box = session.get(BoxRow, edge.id)
    asked = networks.get(session, edge.site_id)
    if box is None and not asked.is_box:
        return None
    site = session.get_one(SiteRow, edge.site_id)
    phones = select(PhoneRow.mac).where(PhoneRow.site_id == edge.site_id, PhoneRow.blocked.is_(False))
    return NetworkRules(
        version=site.guard_version,
        subnet=box.subnet if box is not None else "",
        mtu=asked.mtu,
        uplink_kbit=asked.uplink_kbit,
        phones=tuple(session.scalars(phones.order_by(PhoneRow.mac))),
        known_only=asked.known_only,
        guests=asked.guests,
        guest_subnet=_guest_subnet(box) if asked.guests else "",
        ntp_servers=asked.ntp_servers,
        domain=asked.domain,
        names=tuple(NetworkName(name, tuple(addresses)) for name, addresses in sorted(asked.names.items())),
        reach=() if held else tuple(reach(session, edge.site_id, asked)),
        direct_media=() if held else tuple(direct_media(session, edge.site_id, but=edge.id)),
        concentrators=() if held else tuple(_concentrators(session)),
        port_access=asked.port_access.value,
        authorities=_authorities(session, now) if asked.port_access is not PortAccess.OFF else (),
        wifi=_wifi(session, sealer, edge, asked, is_held=bool(held)),
        retired_key=box.retired_key if box is not None and box.retired_key == box.public_key else "",
    )


def reach(session: Session, site_id: str, asked: SiteNetwork) -> list[NetworkReach]:
    """Return what a site's phones may reach through the tunnel."""
    if asked.reach is None:
        return reach_by_default(session, [site_id])[site_id]
    return [words.reach(each) for each in asked.reach]


def reach_by_default(session: Session, site_ids: Sequence[str]) -> dict[str, list[NetworkReach]]:
    """Return what sites' phones may reach where nobody has named it."""
    return default_reach.of_sites(session, site_ids)


def direct_media(session: Session, site_id: str, but: str = "") -> Sequence[str]:
    """Return the subnets that a site's phones may exchange media with: those of sites where both name each other.

    Args:
        session: The session.
        site_id: The site.
        but: A box that is left out.
    """
    row = session.get(SiteNetworkRow, site_id)
    named = row.direct_media if row is not None else []
    if not named:
        return []
    others = session.scalars(select(SiteNetworkRow).where(SiteNetworkRow.site_id.in_(named)))
    both = [other.site_id for other in others if site_id in other.direct_media]
    chosen = (
        select(BoxRow.subnet)
        .join(EdgeRow, EdgeRow.id == BoxRow.edge_id)
        .where(BoxRow.site_id.in_(both), BoxRow.edge_id != but, BoxRow.subnet != "", EdgeRow.revoked_at.is_(None))
        .where(BoxRow.edge_id.not_in(held_edges()))
    )
    return session.scalars(chosen.order_by(BoxRow.subnet)).all()


def held_edges() -> Select[str]:
    """Return the query for edges that stand where nobody has accepted them, at sites that hold such edges back."""
    return (
        select(EdgeNetworkRow.edge_id)
        .join(EdgeRow, (EdgeRow.id == EdgeNetworkRow.edge_id) & (EdgeRow.network == EdgeNetworkRow.network))
        .join(GuardPolicyRow, GuardPolicyRow.site_id == EdgeRow.site_id)
        .where(EdgeNetworkRow.accepted.is_(False), GuardPolicyRow.edge_moves == EdgeMoves.HOLD.value)
    )


def _concentrators(session: Session) -> list[NetworkConcentrator]:
    chosen = select(ConcentratorRow).where(ConcentratorRow.endpoint != "", ConcentratorRow.public_key != "")
    return [
        NetworkConcentrator(
            row.id, row.endpoint, row.public_key, tuple(row.networks), row.next_public_key, address=row.address
        )
        for row in session.scalars(chosen.order_by(ConcentratorRow.position, ConcentratorRow.id))
    ]


def _authorities(session: Session, now: float) -> tuple[str, ...]:
    chosen = select(PortAuthorityRow.pem).where(PortAuthorityRow.ends_at > now)
    return tuple(session.scalars(chosen.order_by(PortAuthorityRow.id)))


def _guest_subnet(box: BoxRow | None) -> str:
    """Return the first guest subnet that overlaps nothing; they are tried in the same order each time."""
    near = [IPv4Network(each) for each in (box.uplink_networks if box is not None else ()) if ":" not in each]
    near += [IPv4Network(box.subnet)] if box is not None and box.subnet else []
    free = (str(each) for each in GUEST_SUBNETS if not any(each.overlaps(other) for other in near))
    return next(free, "")


def _wifi(session: Session, sealer: Sealer, edge: EdgeRow, asked: SiteNetwork, *, is_held: bool) -> NetworkWifi | None:
    row = session.get(SiteNetworkRow, edge.site_id)
    if not asked.wifi_ssid or row is None:
        return None
    if is_held and (row.wifi_changed_at or 0.0) >= _stands_since(session, edge):
        return None
    return NetworkWifi(asked.wifi_ssid, networks.wifi_passphrase(session, sealer, edge.site_id), asked.wifi_country)


def _stands_since(session: Session, edge: EdgeRow) -> float:
    known = session.get(EdgeNetworkRow, (edge.id, edge.network))
    return known.first_at if known is not None else 0.0
