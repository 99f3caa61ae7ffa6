"""Sites of which the hub is in doubt, because edges have what it does not, or may have.

A hub that goes on from a copy of its data does not know what it gave out since. Its edges do. Until they have told, and
while they have more than the hub, the hub gives the site's edges nothing: they go on with what they have. A person
decides; what is signed then has higher numbers than anything that an edge of the site ever proved to have.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.content.signing import Versions
from ringfence.hub.errors import SiteInDoubt
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import EdgeRow, SiteRow
from ringfence.hub.store.release_models import SiteStandingRow

NO_VERSIONS = Versions()
UNHEARD = "unheard"
BEHIND = "behind"


@dataclass(frozen=True, slots=True)
class Proven:
    """The highest numbers that edges of a site have proven to have."""

    release: int = 0
    versions: Versions = NO_VERSIONS

    def __or__(self, other: "Proven") -> "Proven":
        """Return the higher of each number."""
        ours, theirs = self.versions, other.versions
        return Proven(
            max(self.release, other.release),
            Versions(
                max(ours.targets, theirs.targets), max(ours.snapshot, theirs.snapshot),
                max(ours.timestamp, theirs.timestamp),
            ),
        )  # fmt: skip


NOTHING = Proven()


def of(session: Session, site_id: str) -> str:
    """Return why a site is in doubt: UNHEARD or BEHIND; empty if it is not."""
    row = session.get(SiteStandingRow, site_id)
    return "" if row is None else row.doubt


def find(session: Session) -> Sequence[tuple[SiteStandingRow, SiteRow]]:
    """Return the sites in doubt."""
    chosen = select(SiteStandingRow, SiteRow).join(SiteRow, SiteRow.id == SiteStandingRow.site_id)
    return [
        (row, site) for row, site in session.execute(chosen.where(SiteStandingRow.doubt != "").order_by(SiteRow.id))
    ]


def among(session: Session, site_ids: Collection[str] | None) -> Mapping[str, str]:
    """Return which of these sites, or of all, are in doubt, and why in words."""
    chosen = select(SiteStandingRow).where(SiteStandingRow.doubt != "")
    if site_ids is not None:
        chosen = chosen.where(SiteStandingRow.site_id.in_(sorted(site_ids)))
    return {row.site_id: row.why for row in session.scalars(chosen)}


def check_none(session: Session, site_id: str) -> None:
    """Raise SiteInDoubt for a site in doubt; it names what to do."""
    row = session.get(SiteStandingRow, site_id)
    if row is not None and row.doubt:
        raise SiteInDoubt(
            f"the hub is in doubt of site {site_id}: {row.why}",
            to_do=f"Look at it, and decide: ringfence hub settle {site_id}.",
        )


def proven(session: Session, site_ids: Sequence[str]) -> dict[str, Proven]:
    """Return what edges of each of these sites have proven to have."""
    found = dict.fromkeys(site_ids, NOTHING)
    for row in session.scalars(select(SiteStandingRow).where(SiteStandingRow.site_id.in_(sorted(site_ids)))):
        found[row.site_id] = Proven(row.release, Versions(row.targets, row.snapshot, row.timestamp))
    return found


def begin(change: Change, copied_on: str) -> int:
    """Be in doubt of every site that has an edge, after the hub was restored; return how many that are."""
    session = change.session
    with_edges = select(EdgeRow.site_id).where(EdgeRow.revoked_at.is_(None)).distinct()
    site_ids = session.scalars(with_edges.order_by(EdgeRow.site_id)).all()
    why = f"the hub was restored from a copy of {copied_on}, and no edge of the site has told yet what it has"
    for site_id in site_ids:
        _put(change, site_id, UNHEARD, why, NOTHING)
    for edge in session.scalars(select(EdgeRow)):
        edge.standing_at = None
    return len(site_ids)


def raise_floor(change: Change, site_id: str, has: Proven, why: str) -> None:
    """Note that an edge has proven to have more than the hub."""
    _put(change, site_id, BEHIND, why, has)


def end(change: Change, site_id: str) -> None:
    """Be in doubt of a site no more; the numbers stay, so that what is signed is above them."""
    row = change.session.get(SiteStandingRow, site_id)
    if row is not None:
        row.doubt = row.why = ""


def _put(change: Change, site_id: str, doubt: str, why: str, has: Proven) -> None:
    session = change.session
    row = session.get(SiteStandingRow, site_id)
    before = proven(session, [site_id])[site_id]
    if row is None:
        row = SiteStandingRow(site_id=site_id)
        session.add(row)
    if row.doubt != doubt:
        row.since = change.now
    row.doubt, row.why = doubt, why[:500]
    highest = before | has
    row.release = highest.release
    row.targets, row.snapshot, row.timestamp = (
        highest.versions.targets, highest.versions.snapshot, highest.versions.timestamp,
    )  # fmt: skip
    session.flush()
