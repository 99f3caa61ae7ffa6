"""Sites' root metadata in the store: the next one is signed when half of a root's time is over, or the hub moves."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.content.signing import ROOT_LIFETIME_S, next_root
from ringfence.hub.core import Hub
from ringfence.hub.errors import NothingHere
from ringfence.hub.store.models import SiteRow
from ringfence.hub.store.release_models import RoleMetadataRow


def newest(session: Session, site_id: str) -> RoleMetadataRow:
    """Return a site's newest root; NothingHere where it has none."""
    chosen = select(RoleMetadataRow).where(RoleMetadataRow.site_id == site_id, RoleMetadataRow.role == "root")
    row = session.scalar(chosen.order_by(RoleMetadataRow.version.desc()).limit(1))
    if row is None:
        raise NothingHere("the site has no root metadata", where=site_id)
    return row


def sign_next(hub: Hub, session: Session, site_id: str, now: float) -> None:
    """Sign and store the root that follows a site's newest one; it names where the hub is now."""
    previous, endpoints = newest(session, site_id), hub.endpoints
    session.add(
        RoleMetadataRow(
            site_id=site_id,
            role="root",
            version=previous.version + 1,
            body=next_root(previous.body, site_id, hub.signers, hub.signers.root, now, endpoints),
            made_at=now,
            expires_at=now + ROOT_LIFETIME_S,
        )
    )
    session.get_one(SiteRow, site_id).endpoints_digest = endpoints.digest
    session.flush()
