"""For how long sites have had a release that an edge of theirs does not serve yet."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ringfence.hub.store.models import EdgeRow, SiteRow
from ringfence.hub.store.release_models import ReleaseRow


def longest(session: Session, now: float, most: int) -> Sequence[tuple[str, float]]:
    """Return the sites that are behind for longest, at most so many, and the seconds.

    An edge is behind from the first release on that it does not have, whatever was published since.
    """
    missed_at = func.min(ReleaseRow.made_at)
    chosen = (
        select(EdgeRow.site_id, missed_at)
        .join(SiteRow, SiteRow.id == EdgeRow.site_id)
        .join(ReleaseRow, (ReleaseRow.site_id == EdgeRow.site_id) & (ReleaseRow.number > EdgeRow.release))
        .where(EdgeRow.revoked_at.is_(None), EdgeRow.release < SiteRow.newest_release)
        .group_by(EdgeRow.site_id)
        .order_by(missed_at)
        .limit(most)
    )
    return [(site_id, max(now - at, 0.0)) for site_id, at in session.execute(chosen)]
