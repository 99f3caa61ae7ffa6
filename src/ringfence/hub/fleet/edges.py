"""Edges: the enrolled boxes."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, or_, select, update
from sqlalchemy.orm import Session

from ringfence.hub.errors import EdgeRefused, UnknownEdge
from ringfence.hub.fleet import sites
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import EdgeRow, EnrolmentTokenRow
from ringfence.wire.messages import Progress

_MOST_BYTES = 1 << 50

CONNECTED_FOR_S = 45.0
"""How long an open stream counts without being confirmed: a hub that crashed confirms nothing."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What the hub stores of an edge's certificate."""

    serial: str
    fingerprint: str
    key_fingerprint: str
    ends_at: float


def admit(
    change: Change, token: EnrolmentTokenRow, edge_id: str, certificate: Certificate, host: tuple[str, str]
) -> EdgeRow:
    """Store a new edge; ``host`` is its host name and version."""
    edge = EdgeRow(
        id=edge_id, site_id=token.site_id, hostname=host[0][:255], version=host[1][:40], enrolled_at=change.now,
        key_fingerprint=certificate.key_fingerprint, certificate_serial=certificate.serial,
        certificate_fingerprint=certificate.fingerprint, previous_fingerprint=None,
        certificate_ends_at=certificate.ends_at, revoked_at=None, wipe=False, last_seen_at=change.now,
        connected_until=None, release=0, reports_through=0,
    )  # fmt: skip
    change.session.add(edge)
    token.edge_id = edge_id
    change.note("edge.enrol", edge_id, f"site {token.site_id}, host {edge.hostname}, by {token.id}")
    return edge


def recognise(session: Session, fingerprint: str | None) -> EdgeRow:
    """Return the edge whose current or previous certificate this is; EdgeRefused if it has none or is revoked."""
    edge = known(session, fingerprint)
    check_let_in(edge)
    return edge


def let_in(session: Session, edge_id: str) -> EdgeRow:
    """Return an edge that was recognised before, as this transaction sees it; EdgeRefused if it is revoked by now."""
    edge = session.get(EdgeRow, edge_id)
    if edge is None:
        raise EdgeRefused("certificate-unknown", "this edge was removed", to_do="Enrol it with a new token.")
    check_let_in(edge)
    return edge


def check_let_in(edge: EdgeRow) -> None:
    """Raise EdgeRefused for a revoked edge."""
    if edge.revoked_at is not None:
        raise EdgeRefused("edge-revoked", "this edge was revoked", to_do="Enrol it again with a new token.")


def known(session: Session, fingerprint: str | None) -> EdgeRow:
    """Return the edge whose certificate this is, revoked or not."""
    if fingerprint is None:
        raise EdgeRefused(
            "certificate-missing", "this request needs an edge's certificate", to_do="Enrol the edge first."
        )
    edge = session.scalar(
        select(EdgeRow).where(
            or_(EdgeRow.certificate_fingerprint == fingerprint, EdgeRow.previous_fingerprint == fingerprint)
        )
    )
    if edge is None:
        raise EdgeRefused(
            "certificate-unknown", "this hub knows no edge with this certificate", to_do="Enrol it with a new token."
        )
    return edge


def take_certificate(edge: EdgeRow, presented: str, certificate: Certificate) -> None:
    """Make ``certificate`` the current one; the one that asked stays valid, in case the answer is lost."""
    edge.previous_fingerprint = presented
    edge.certificate_fingerprint = certificate.fingerprint
    edge.certificate_serial = certificate.serial
    edge.certificate_ends_at = certificate.ends_at


def get(session: Session, edge_id: str) -> EdgeRow:
    """Return an edge; UnknownEdge where there is none."""
    edge = session.get(EdgeRow, edge_id)
    if edge is None:
        raise UnknownEdge(f"there is no edge {edge_id[:40]!r}", to_do="`ringfence edge list` shows all.")
    return edge


def find(session: Session, site_id: str | None) -> Sequence[EdgeRow]:
    """Return the edges of a site, or all of them."""
    return session.scalars(choose(session, site_id)).all()


def choose(session: Session, site_id: str | None) -> Select[EdgeRow]:
    """Return the query for the edges of a site, or all of them."""
    chosen = select(EdgeRow).order_by(EdgeRow.site_id, EdgeRow.enrolled_at, EdgeRow.id)
    if site_id is not None:
        chosen = chosen.where(EdgeRow.site_id == sites.get(session, site_id).id)
    return chosen


def revoke(change: Change, edge_id: str, *, wipe: bool) -> EdgeRow:
    """Revoke an edge; with ``wipe`` it is asked to delete what it holds, now or when it comes back."""
    edge = get(change.session, edge_id)
    if edge.revoked_at is None or (wipe and not edge.wipe):
        edge.revoked_at = edge.revoked_at or change.now
        edge.wipe = edge.wipe or wipe
        change.note("edge.revoke", edge_id, "with wipe" if wipe else "")
    return edge


def is_connected(edge: EdgeRow, now: float) -> bool:
    """Return whether the edge has an event stream open somewhere."""
    return edge.revoked_at is None and edge.connected_until is not None and edge.connected_until > now


def note_connected(session: Session, edge_ids: Collection[str], now: float) -> None:
    """Store that these edges have a stream open now."""
    session.execute(
        update(EdgeRow).where(_among(edge_ids)).values(connected_until=now + CONNECTED_FOR_S, last_seen_at=now)
    )


def note_progress(edge: EdgeRow, told: Progress) -> None:
    """Store how much of its next release an edge has fetched, as it reports it."""
    edge.fetching_bytes = min(max(told.total_bytes, 0), _MOST_BYTES)
    edge.fetched_bytes = min(max(told.done_bytes, 0), edge.fetching_bytes)


def note_disconnected(session: Session, edge_ids: Collection[str], now: float) -> None:
    """Store that these edges' streams have ended."""
    session.execute(update(EdgeRow).where(_among(edge_ids)).values(connected_until=now))


def _among(edge_ids: Collection[str]) -> ColumnElement[bool]:
    return EdgeRow.id.in_(sorted(edge_ids))
