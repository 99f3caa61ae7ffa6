"""Two sites with a phone each, for tests of publishing; and what they read of a publish."""

from sqlalchemy import select

from ringfence.content.trust import TrustedMetadata
from ringfence.hub.core import Hub
from ringfence.hub.fleet import (
    lines,
    phones,
    settings,
    sites,
)
from ringfence.hub.fleet.lines import LineParts
from ringfence.hub.fleet.settings import ORGANISATION
from ringfence.hub.publishing.publish import Publication
from ringfence.hub.store.release_models import RoleMetadataRow
from ringfence.phones.mac import Mac

ANNA, BEN = Mac("001B54C2D001"), Mac("001B54C2D002")


def add_two_sites(idle: Hub) -> Hub:
    """Add two sites with a phone each and a SIP server for both; nothing is published."""
    with idle.change("test") as change:
        settings.put(change, idle.sealer, ORGANISATION, "sip_server", "sip.example.org")
        for name, mac in (("Anna", ANNA), ("Ben", BEN)):
            site = sites.create(change, idle.signers, name)
            phones.add(change, mac, site.id, "9971", "")
            change.session.flush()
            lines.put(change, idle.sealer, mac, 1, LineParts(name="201", label=name))
    return idle


def relabel(hub: Hub, mac: Mac, label: str) -> None:
    with hub.change("test") as change:
        lines.put(change, hub.sealer, mac, 1, LineParts(label=label))


def numbers(publication: Publication) -> dict[str, int | None]:
    return {site.site_id: site.release for site in publication.sites}


def whole_release(hub: Hub, site_id: str) -> tuple[int, list[bytes]]:
    """The site's newest release as an edge would take it: every signature, link and blob verified."""
    with hub.database.reading() as session:
        site = sites.get(session, site_id)
        rows = session.scalars(select(RoleMetadataRow).where(RoleMetadataRow.site_id == site_id)).all()
    bodies = {(row.role, row.version): row.body for row in rows}
    trusted = TrustedMetadata(site_id, bodies["root", 1])
    stamps = [body for (role, _version), body in bodies.items() if role == "timestamp"]
    if not stamps:
        assert site.newest_release == 0
        return 0, []
    (stamp,) = stamps
    now = hub.clock()
    trusted.update_timestamp(stamp, now)
    trusted.update_snapshot(bodies["snapshot", trusted.snapshot_meta.version], now)
    release = trusted.update_targets(bodies["targets", trusted.targets_meta.version], now)
    assert release.number == site.newest_release
    return release.number, [hub.blobs.get(target.digest) for target in release.targets]
