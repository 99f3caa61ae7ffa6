"""Renewal of what expires: signed metadata, and the listeners' certificate."""

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from ringfence.content.signing import TIMESTAMP_LIFETIME_S, SiteSigners, renew_timestamp
from ringfence.hub import logs
from ringfence.hub.core import Hub
from ringfence.hub.data.folder import DataFolder, server_pair
from ringfence.hub.publishing import releases, roots
from ringfence.hub.store.models import SiteRow
from ringfence.hub.store.release_models import RoleMetadataRow
from ringfence.identity.certificates import (
    authority_id,
    fingerprint,
    issuer_id,
    read_certificate,
    renewal_due,
)

SITES_AT_ONCE = 100

_log = logs.get("renewal")


def renew_metadata(hub: Hub) -> int:
    """Sign metadata again that has used half of its lifetime, or says that the hub is elsewhere.

    Return for how many sites.
    """
    now = hub.clock()
    with hub.database.reading() as session:
        due = _due(session, hub.endpoints.digest, now)
    for start in range(0, len(due), SITES_AT_ONCE):
        with hub.database.writing() as session:
            for site_id, roles in due[start : start + SITES_AT_ONCE]:
                _renew_site(hub, session, site_id, roles, now)
        hub.wakeups.wake_sites({site_id for site_id, _roles in due[start : start + SITES_AT_ONCE]})
    if due:
        _log.info("metadata signed again", sites=len(due))
    return len(due)


def renew_server_certificate(hub: Hub, folder: DataFolder) -> bool:
    """Issue the listeners' certificate again if two thirds of its life are over, or a host or the CA has changed."""
    now = hub.clock()
    current = read_certificate(folder.server_certificate.read_text("ascii"))
    is_of_ours = issuer_id(current) == authority_id(hub.authority.certificate)
    if not renewal_due(current, now) and folder.server_hosts() == hub.config.hosts and is_of_ours:
        return False
    folder.write_server(*server_pair(hub.authority, hub.config, now))
    _log.info("server certificate renewed", before=fingerprint(current)[:16])
    return True


def _due(session: Session, endpoints: str, now: float) -> list[tuple[str, set[str]]]:
    """Return the sites with metadata past half of its time, or with other endpoints of the hub; and which roles."""
    newest = (
        select(RoleMetadataRow.site_id, RoleMetadataRow.role, func.max(RoleMetadataRow.version).label("version"))
        .group_by(RoleMetadataRow.site_id, RoleMetadataRow.role)
        .subquery()
    )
    chosen = (
        select(RoleMetadataRow.site_id, RoleMetadataRow.role)
        .join(
            newest,
            (newest.c.site_id == RoleMetadataRow.site_id)
            & (newest.c.role == RoleMetadataRow.role)
            & (newest.c.version == RoleMetadataRow.version),
        )
        .where((RoleMetadataRow.made_at + RoleMetadataRow.expires_at) / 2 <= now)
        .order_by(RoleMetadataRow.site_id)
    )
    found: dict[str, set[str]] = {}
    for site_id, role in session.execute(chosen):
        found.setdefault(site_id, set()).add(role)
    for site_id in session.scalars(select(SiteRow.id).where(SiteRow.endpoints_digest != endpoints)):
        found.setdefault(site_id, set()).add("root")
    return list(found.items())


def _renew_site(hub: Hub, session: Session, site_id: str, roles: set[str], now: float) -> None:
    site, signers = session.get(SiteRow, site_id), hub.signers
    if site is None:
        return
    if roots.follow_keys(hub, session, [site_id], now, signers):
        roles = (roles - {"root"}) | {"targets"}
    if "root" in roles:
        roots.sign_next(hub, session, site_id, now, signers)
    if roles & {"targets", "snapshot"}:
        releases.sign_again(session, site_id, now, signers)
    elif "timestamp" in roles:
        _renew_timestamp(session, site_id, now, signers)


def _renew_timestamp(session: Session, site_id: str, now: float, signers: SiteSigners) -> None:
    chosen = select(RoleMetadataRow).where(RoleMetadataRow.site_id == site_id, RoleMetadataRow.role == "timestamp")
    previous = session.scalar(chosen.order_by(RoleMetadataRow.version.desc()).limit(1))
    if previous is None:
        return
    body = renew_timestamp(previous.body, signers.timestamp, now)
    row = RoleMetadataRow(
        site_id=site_id, role="timestamp", version=previous.version + 1, body=body, made_at=now,
        expires_at=now + TIMESTAMP_LIFETIME_S,
    )  # fmt: skip
    session.execute(
        delete(RoleMetadataRow).where(RoleMetadataRow.site_id == site_id, RoleMetadataRow.role == "timestamp")
    )
    session.add(row)
