"""What state a site is in, as its edges show it, and which sites are in one."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from sqlalchemy import ColumnElement, Select, Subquery, case, func, select
from sqlalchemy.orm import Session

from ringfence.hub.errors import BadSelection
from ringfence.hub.store.models import EdgeRow, SiteRow


class EdgesState(StrEnum):
    """What a site's edges show; each site is in one of these states."""

    UP = "up"
    """An edge is connected, and all that are serve the newest release."""
    BEHIND = "behind"
    """An edge is connected that serves an older release."""
    AWAY = "away"
    """It has edges, and none is connected."""
    WITHOUT_EDGE = "without-edge"


HELD, UNPUBLISHED = "held", "unpublished"
"""What else sites are looked for by: publishing leaves it out; it has edits that no release holds."""
FILTERS = (*EdgesState, HELD, UNPUBLISHED)


def of_sites(session: Session, site_ids: Sequence[str], now: float) -> Mapping[str, EdgesState]:
    """Return the state of each of these sites."""
    edges = _edges(now, EdgeRow.site_id.in_(site_ids))
    chosen = select(SiteRow.id, _state(edges)).outerjoin(edges, edges.c.site_id == SiteRow.id)
    found = session.execute(chosen.where(SiteRow.id.in_(site_ids)))
    return {site_id: EdgesState(state) for site_id, state in found}


def count(session: Session, now: float) -> Mapping[EdgesState, int]:
    """Return how many sites are in each state."""
    edges = _edges(now)
    state = _state(edges)
    chosen = select(state, func.count()).select_from(SiteRow).outerjoin(edges, edges.c.site_id == SiteRow.id)
    found = {EdgesState(word): number for word, number in session.execute(chosen.group_by(state))}
    return {word: found.get(word, 0) for word in EdgesState}


def choose(chosen: Select[SiteRow], word: str, now: float) -> Select[SiteRow]:
    """Return a query for sites with only those in a state, or with what else ``FILTERS`` names.

    Raises:
        BadSelection: There is no such state.
    """
    if word == HELD:
        return chosen.where(SiteRow.held_at.is_not(None))
    if word == UNPUBLISHED:
        return chosen.where(is_unpublished())
    if word not in set(EdgesState):
        raise BadSelection(f"sites have no state {word[:40]!r}", to_do=f"There are: {', '.join(FILTERS)}.")
    edges = _edges(now)
    return chosen.outerjoin(edges, edges.c.site_id == SiteRow.id).where(_state(edges) == word)


def is_unpublished() -> ColumnElement[bool]:
    """Return the condition for sites with edits that no release holds."""
    return SiteRow.edits != SiteRow.rendered_edits


def _edges(now: float, *conditions: ColumnElement[bool]) -> Subquery:
    is_connected = EdgeRow.connected_until > now
    return (
        select(
            EdgeRow.site_id,
            func.count().filter(is_connected).label("connected"),
            func.min(case((is_connected, EdgeRow.release))).label("release"),
        )
        .where(EdgeRow.revoked_at.is_(None), *conditions)
        .group_by(EdgeRow.site_id)
        .subquery()
    )


def _state(edges: Subquery) -> ColumnElement[str]:
    return case(
        (edges.c.site_id.is_(None), EdgesState.WITHOUT_EDGE.value),
        (edges.c.connected == 0, EdgesState.AWAY.value),
        (edges.c.release < SiteRow.newest_release, EdgesState.BEHIND.value),
        else_=EdgesState.UP.value,
    )
