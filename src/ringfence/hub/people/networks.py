"""What sites ask of their boxes' networks."""

from fastapi import APIRouter
from sqlalchemy.orm import Session

from ringfence.hub.fleet import box_numbering, network_for_edges, networks, sites
from ringfence.hub.fleet import network_words as words
from ringfence.hub.fleet.networks import NetworkParts, WifiPart
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.schemas.networks import NetworkChanges, NetworkView, WifiView
from ringfence.secret import Secret

router = APIRouter()


@router.get("/sites/{site}/network", tags=["networks"])
def show_network(site: str, hub: TheHub, _caller: TheCaller) -> NetworkView:
    """Show what a site asks of its boxes' networks; a Wi-Fi passphrase is not shown."""
    with hub.database.reading() as session:
        return _network(session, site)


@router.patch("/sites/{site}/network", tags=["networks"])
def change_network(site: str, body: NetworkChanges, hub: TheHub, caller: TheCaller) -> NetworkView:
    """Change parts of it; the site's boxes go by them within a second."""
    with hub.change(caller.name) as change:
        networks.change(change, hub.sealer, site, _parts(body))
        box_numbering.number_site(change, site, hub.config.box_pool_of(hub.organisation_id))
    with hub.database.reading() as session:
        return _network(session, site)


def _parts(body: NetworkChanges) -> NetworkParts:
    wifi = None
    if body.wifi is not None:
        said = body.wifi
        passphrase = None if said.passphrase is None else Secret(said.passphrase)
        wifi = WifiPart(said.ssid, said.country, passphrase)
    return NetworkParts(
        is_box=body.box, prefix=body.prefix, mtu=body.mtu, known_only=body.known_only, guests=body.guests,
        domain=body.domain, ntp_servers=body.ntp_servers, names=body.names, reach=body.reach,
        reach_by_default=body.reach_by_default, direct_media=body.direct_media, port_access=body.port_access,
        wifi=wifi, uplink_kbit=body.uplink_kbit,
    )  # fmt: skip


def _network(session: Session, site_id: str) -> NetworkView:
    site, asked = sites.get(session, site_id), networks.get(session, site_id)
    return NetworkView(
        site=site.id, version=site.guard_version, box=asked.is_box, prefix=asked.prefix, mtu=asked.mtu,
        uplink_kbit=asked.uplink_kbit, known_only=asked.known_only, guests=asked.guests, domain=asked.domain,
        ntp_servers=list(asked.ntp_servers),
        names={name: list(addresses) for name, addresses in asked.names.items()},
        reach=[words.reach_in_words(each) for each in network_for_edges.reach(session, site.id, asked)],
        reach_by_default=asked.reach is None, direct_media=list(asked.direct_media),
        direct_media_subnets=list(network_for_edges.direct_media(session, site.id)), port_access=asked.port_access,
        wifi=WifiView(ssid=asked.wifi_ssid, country=asked.wifi_country) if asked.wifi_ssid else None,
    )  # fmt: skip
