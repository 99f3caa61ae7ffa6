"""Sites of which the hub is in doubt, because edges have what it does not, or may have.

A hub that goes on from a copy of its data does not know what it gave out since. Its edges do. Until they have told, and
while they have more than the hub, the hub gives the site's edges nothing: they go on with what they have. A person
decides (``ringfence release resume``); what is signed then has higher numbers than anything that an edge of the site
ever proved to have. Meanwhile the site is held: a publish leaves it out and says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ringfence.content.repository import Versions
from ringfence.hub.errors import SiteInDoubt
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import EdgeRow, SiteRow, UnknownEdgeRow
from ringfence.hub.store.release_models import RestorationRow, SiteStandingRow

NO_VERSIONS = Versions()
_HELD_BY = "the hub"
"""Who holds a site while the hub is in doubt of it (publishing/holds.py)."""
UNHEARD = "unheard"
BEHIND = "behind"


@dataclass(frozen=True, slots=True)
class Proven:
    """The highest numbers that edges of a site have proven to have."""

    release: int = 0
    versions: Versions = NO_VERSIONS
    state: int = 0

    def __or__(self, other: "Proven") -> "Proven":
        """Return the higher of each number."""
        ours, theirs = self.versions, other.versions
        return Proven(
            max(self.release, other.release),
            Versions(
                max(ours.targets, theirs.targets), max(ours.snapshot, theirs.snapshot),
                max(ours.timestamp, theirs.timestamp),
            ),
            max(self.state, other.state),
        )  # fmt: skip


NOTHING = Proven()


def of(session: Session, site_id: str) -> str:
    """Return why a site is in doubt: UNHEARD or BEHIND; empty if it is not."""
    row = session.get(SiteStandingRow, site_id)
    return "" if row is None else row.doubt


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something that the hub does not know enough of; ``edge_id`` is empty for a whole site."""

    site_id: str
    edge_id: str
    since: float
    why: str
    to_do: str


def find(session: Session) -> list[Doubt]:
    """Return what the hub is in doubt of: sites, edges that have not told, and edges that it does not know."""
    rows = session.scalars(
        select(SiteStandingRow).where(SiteStandingRow.doubt != "").order_by(SiteStandingRow.site_id)
    ).all()
    found = [
        Doubt(
            row.site_id, "", row.since, row.why,
            f"To go on with what the hub has: ringfence release resume {row.site_id}." if row.doubt == BEHIND else
            f"Wait for an edge, or go on with what the hub has: ringfence release resume {row.site_id}.",
        )
        for row in rows
    ]  # fmt: skip
    restoration = session.get(RestorationRow, 1)
    if restoration is not None:
        unheard = select(EdgeRow).where(
            EdgeRow.revoked_at.is_(None), EdgeRow.standing_at.is_(None), EdgeRow.enrolled_at < restoration.copied_at
        )
        found += [
            Doubt(
                edge.site_id, edge.id, restoration.restored_at, "it has told nothing since the hub was restored",
                f"If it was revoked since the copy, revoke it again: ringfence edge revoke {edge.id}.",
            )
            for edge in session.scalars(unheard.order_by(EdgeRow.id))
        ]  # fmt: skip
    for unknown in session.scalars(select(UnknownEdgeRow).order_by(UnknownEdgeRow.id)):
        found.append(
            Doubt(
                unknown.site_id, unknown.id, unknown.first_at,
                f"it asks from {unknown.peer} with a certificate of this hub, and the hub does not know it",
                f"If it was enrolled after the copy and is not revoked: ringfence edge readmit {unknown.id}.",
            )
        )  # fmt: skip
    return found


def check_none(session: Session, site_id: str, now: float) -> None:
    """Raise SiteInDoubt for a site of which the hub is in doubt, and for any while it only listens; with what to do."""
    restoration = session.get(RestorationRow, 1)
    if restoration is not None and now < restoration.listens_until:
        raise SiteInDoubt(
            "the hub was restored from a copy, and first hears from its edges what they have",
            to_do=f"It goes on in {restoration.listens_until - now:.0f} s.",
        )
    row = session.get(SiteStandingRow, site_id)
    if row is not None and row.doubt:
        raise SiteInDoubt(
            f"the hub is in doubt of site {site_id}: {row.why}",
            to_do=f"To go on with what the hub has: ringfence release resume {site_id}.",
        )


def proven(session: Session, site_ids: Sequence[str]) -> dict[str, Proven]:
    """Return what edges of each of these sites have proven to have."""
    found = dict.fromkeys(site_ids, NOTHING)
    for row in session.scalars(select(SiteStandingRow).where(SiteStandingRow.site_id.in_(sorted(site_ids)))):
        found[row.site_id] = Proven(row.release, Versions(row.targets, row.snapshot, row.timestamp), row.state)
    return found


def begin(change: Change, copied_on: str) -> int:
    """Be in doubt of every site that has an edge, after the hub was restored; return how many that are."""
    session = change.session
    with_edges = select(EdgeRow.site_id).where(EdgeRow.revoked_at.is_(None)).distinct()
    site_ids = session.scalars(with_edges.order_by(EdgeRow.site_id)).all()
    why = f"it was restored from a copy of {copied_on}, and no edge of the site has told yet what it has"
    for site_id in site_ids:
        _put(change, site_id, UNHEARD, why, NOTHING)
    session.execute(update(EdgeRow).values(standing_at=None))
    return len(site_ids)


def raise_floor(change: Change, site_id: str, has: Proven, why: str = "") -> None:
    """Note that an edge has proven to have more than the hub; with ``why``, be in doubt of the site."""
    _put(change, site_id, BEHIND if why else of(change.session, site_id), why, has)


def end(change: Change, site_id: str) -> None:
    """Be in doubt of a site no more; the numbers stay, so that what is signed is above them."""
    row = change.session.get(SiteStandingRow, site_id)
    if row is None or not row.doubt:
        return
    row.doubt = row.why = ""
    site = change.session.get_one(SiteRow, site_id)
    site.guard_version = max(site.guard_version, row.state) + 1
    if site.held_by == _HELD_BY:
        site.held_at, site.held_by, site.held_why = None, "", ""


def _put(change: Change, site_id: str, doubt: str, why: str, has: Proven) -> None:
    session = change.session
    highest = proven(session, [site_id])[site_id] | has
    row = session.get(SiteStandingRow, site_id)
    if row is None:
        row = SiteStandingRow(site_id=site_id, doubt="", why="", since=change.now)
        session.add(row)
    if why:
        row.since = row.since if row.doubt == doubt else change.now
        row.doubt, row.why = doubt, why[:500]
    row.release, row.state = highest.release, highest.state
    versions = highest.versions
    row.targets, row.snapshot, row.timestamp = versions.targets, versions.snapshot, versions.timestamp
    site = session.get_one(SiteRow, site_id)
    site.release_floor = highest.release
    if row.doubt and (site.held_at is None or site.held_by == _HELD_BY):
        site.held_at, site.held_by, site.held_why = change.now, _HELD_BY, row.why[:200]
    session.flush()
