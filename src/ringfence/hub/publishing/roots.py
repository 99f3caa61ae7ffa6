"""Sites' root metadata in the store.

The next one is signed when half of a root's time is over, when the hub moves, and when one of its keys changes.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ringfence.content.signing import ROOT_LIFETIME_S, SiteSigners, named_keys, next_root
from ringfence.hub.core import Hub
from ringfence.hub.errors import NothingHere, RootKeyLost
from ringfence.hub.store.models import SiteRow
from ringfence.hub.store.release_models import RoleMetadataRow, SiteStandingRow

HIGHEST_HONEST: Final = 1_000_000_000
"""Versions above this are nobody's who signs a release a second: 30 years of them are fewer."""


def newest(session: Session, site_id: str) -> RoleMetadataRow:
    """Return a site's newest root; NothingHere where it has none."""
    chosen = select(RoleMetadataRow).where(RoleMetadataRow.site_id == site_id, RoleMetadataRow.role == "root")
    row = session.scalar(chosen.order_by(RoleMetadataRow.version.desc()).limit(1))
    if row is None:
        raise NothingHere("the site has no root metadata", where=site_id)
    return row


def sign_next(
    hub: Hub, session: Session, site_id: str, now: float, signers: SiteSigners | None = None
) -> RoleMetadataRow:
    """Sign and store the root that follows a site's newest one; it names where the hub is, and its keys, now.

    Args:
        hub: The site's.
        session: In which it is stored.
        site_id: The site.
        now: The time, in Unix seconds.
        signers: The hub's, where the caller goes on signing by them.

    Raises:
        RootKeyLost: The hub does not have the key that the newest root names as the root key.
    """
    previous, endpoints, signers = newest(session, site_id), hub.endpoints, signers or hub.signers
    former = signers.root_signer_after(previous.body)
    if former is None:
        raise RootKeyLost(
            f"the hub does not have the root key by which site {site_id}'s edges know it",
            where="keys/metadata-root.key",
            to_do="Restore keys/ from a copy that was made since the root key changed, or enrol the site's edges "
            "again: ringfence hub keys list",
        )
    row = RoleMetadataRow(
        site_id=site_id,
        role="root",
        version=previous.version + 1,
        body=next_root(previous.body, site_id, signers, former, now, endpoints),
        made_at=now,
        expires_at=now + ROOT_LIFETIME_S,
    )
    session.add(row)
    site = session.get_one(SiteRow, site_id)
    site.endpoints_digest, site.keys_digest = endpoints.digest, signers.named.digest
    before = named_keys(previous.body)
    if before.online != signers.named.online:
        _forget_versions(session, site_id)
    session.flush()
    return row


def follow_keys(hub: Hub, session: Session, site_ids: Sequence[str], now: float, signers: SiteSigners) -> Sequence[str]:
    """Bring sites to the hub's keys whose newest root names others; return those whose other roles are to be signed.

    What signs for a site calls it first, so that a root and what is signed below it always go together.

    Raises:
        RootKeyLost: As ``sign_next``.
    """
    digest, changed = signers.named.digest, []
    late = select(SiteRow).where(SiteRow.id.in_(sorted(site_ids)), SiteRow.keys_digest != digest).order_by(SiteRow.id)
    for site in session.scalars(late).all():
        named = named_keys(newest(session, site.id).body)
        if named == signers.named:
            site.keys_digest = digest  # a site from before this was written down
            continue
        sign_next(hub, session, site.id, now, signers)
        if named.online != signers.named.online:
            changed.append(site.id)
    return changed


def _forget_versions(session: Session, site_id: str) -> None:
    """Forget how high versions went that others than this hub may have signed: edges forget them with the same root.

    Numbers that no hub reaches by itself go, so that what is signed next is what an honest hub would have (the TUF
    specification 1.0.34, 5.3.11: recovery from a fast-forward attack).
    """
    standing = session.get(SiteStandingRow, site_id)
    if standing is not None:
        standing.targets = standing.snapshot = standing.timestamp = 0
    of_site = RoleMetadataRow.site_id == site_id, RoleMetadataRow.role != "root"
    session.execute(delete(RoleMetadataRow).where(*of_site, RoleMetadataRow.version > HIGHEST_HONEST))
