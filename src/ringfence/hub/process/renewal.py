"""Renewal of what expires: signed metadata, and the listeners' certificate."""

import math
import time
from collections.abc import Sequence
from functools import partial

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from ringfence.content.signing import TIMESTAMP_LIFETIME_S, SiteSigners, renew_timestamp
from ringfence.hub import logs, within
from ringfence.hub.core import Hub
from ringfence.hub.data.folder import DataFolder, server_pair
from ringfence.hub.fleet import sites
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
START_S = 0.5
"""How long the hub's start spends on it before the hub listens; the rest comes after that."""

_log = logs.get("renewal")


def renew_metadata(hub: Hub, until: float = math.inf) -> int:
    """Sign metadata again that has used half of its lifetime, or says that the hub is elsewhere.

    What ends first comes first, some sites in each transaction, so that others who write wait for moments alone.

    Args:
        hub: Whose sites.
        until: By ``time.monotonic``, when no more sites are begun with.

    Returns:
        For how many sites. Those that it leaves are due still.
    """
    now = hub.clock()
    with hub.database.reading() as session:
        due = _due(session, hub.endpoints.digest, now)
    done = 0
    while done < len(due) and time.monotonic() < until:
        some = due[done : done + SITES_AT_ONCE]
        with hub.database.writing() as session:
            _renew_sites(hub, session, some, now)
        hub.wakeups.wake_sites({site_id for site_id, _roles in some})
        done += len(some)
    if done:
        _log.info("metadata signed again", sites=done, left=len(due) - done)
    return done


def renew_at_start(hub: Hub) -> None:
    """Renew for each organisation what a moment before listening is enough for; note in the hub whether any is left."""
    until = time.monotonic() + START_S
    within.in_turn(within.each(hub), partial(renew_metadata, until=until))
    hub.has_metadata_due = time.monotonic() >= until


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
    """Return the sites with metadata past half of its time, or with other endpoints of the hub; and which roles.

    Those come first whose metadata ends first, and those last that are only to learn where the hub is.
    """
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
        .order_by(RoleMetadataRow.expires_at, RoleMetadataRow.site_id)
    )
    found: dict[str, set[str]] = {}
    for site_id, role in session.execute(chosen):
        found.setdefault(site_id, set()).add(role)
    moved = select(SiteRow.id).where(SiteRow.endpoints_digest != endpoints).order_by(SiteRow.id)
    for site_id in session.scalars(moved):
        found.setdefault(site_id, set()).add("root")
    return list(found.items())


def _renew_sites(hub: Hub, session: Session, due: Sequence[tuple[str, set[str]]], now: float) -> None:
    signers = hub.signers
    there = sites.existing(session, [site_id for site_id, _roles in due])
    changed = set(roots.follow_keys(hub, session, sorted(there), now, signers))
    timestamps = []
    for site_id, roles in due:
        if site_id not in there:
            continue
        wanted = (roles - {"root"}) | {"targets"} if site_id in changed else roles
        if "root" in wanted:
            roots.sign_next(hub, session, site_id, now, signers)
        if wanted & {"targets", "snapshot"}:
            releases.sign_again(session, site_id, now, signers)
        elif "timestamp" in wanted:
            timestamps.append(site_id)
    _renew_timestamps(session, timestamps, now, signers)


def _renew_timestamps(session: Session, site_ids: Sequence[str], now: float, signers: SiteSigners) -> None:
    of_sites = RoleMetadataRow.site_id.in_(site_ids), RoleMetadataRow.role == "timestamp"
    before = select(RoleMetadataRow.site_id, RoleMetadataRow.version, RoleMetadataRow.body).where(*of_sites)
    newest = {site_id: (version, body) for site_id, version, body in session.execute(
        before.order_by(RoleMetadataRow.version)
    )}  # fmt: skip
    if not newest:
        return
    rows = [
        {
            "site_id": site_id, "role": "timestamp", "version": version + 1, "made_at": now,
            "body": renew_timestamp(body, signers.timestamp, now), "expires_at": now + TIMESTAMP_LIFETIME_S,
        }
        for site_id, (version, body) in newest.items()
    ]  # fmt: skip
    session.execute(delete(RoleMetadataRow).where(*of_sites), execution_options={"synchronize_session": False})
    session.execute(insert(RoleMetadataRow), rows)
