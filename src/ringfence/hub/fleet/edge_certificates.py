"""Edges' certificates: which are let in, for how long, and what shows that two machines have one identity.

A certificate counts because this hub's CA issued it (the handshake has verified that) for a key that an edge enrolled
with. So one that was issued after the copy from which a hub was restored counts too. All of an edge's certificates are
let in until they end: whoever holds a copy of its key can't shut it out by renewing first. Whoever renews goes on with
the new certificate alone; an older one that is still used then is another machine's.
"""

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from ringfence.hub.errors import EdgeRefused, UnknownEdge
from ringfence.hub.fleet import edges
from ringfence.hub.fleet.edges import Certificate
from ringfence.hub.fleet.guard import alerts
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import EdgeCertificateRow, EdgeRow, RetiredSiteRow, SiteRow, UnknownEdgeRow
from ringfence.identity.certificates import EdgeIdentity

DAY_S = 86_400
MOST_A_DAY = 24
"""How many certificates an edge is issued in a day: an honest one needs one in twenty days."""
MOST_UNKNOWN = 1000
NOTED_EVERY_S = 3600.0
CHANGES_OVER_S = 300.0
"""How long a machine that has renewed may still use the older certificate on connections that it has open."""


def holder(session: Session, shown: Certificate) -> EdgeRow:
    """Return the edge that a certificate is for, revoked or not, and whether or not the certificate has ended.

    Raises:
        EdgeRefused: This hub has no such edge with this key.
    """
    edge = session.get(EdgeRow, shown.identity.edge_id)
    if edge is None or edge.key_fingerprint != shown.key_fingerprint or edge.site_id != shown.identity.site_id:
        raise EdgeRefused(
            "certificate-unknown", "this hub knows no edge with this certificate", to_do="Enrol it with a new token."
        )
    return edge


def check_valid(shown: Certificate, now: float) -> None:
    """Raise EdgeRefused for a certificate that has ended."""
    if shown.ends_at < now:
        raise EdgeRefused(
            "certificate-expired", "this edge's certificate has expired", to_do="The edge asks for a new one by itself."
        )


def check_renewable(session: Session, edge: EdgeRow, shown: Certificate, now: float, grace_s: float) -> None:
    """Check that a certificate may ask for the next one.

    Raises:
        EdgeRefused: It ended longer ago than the grace; or it has ended and another machine already goes on with what
            it was renewed to; or the edge was issued too many.
    """
    if shown.ends_at < now:
        if shown.ends_at + grace_s < now:
            raise EdgeRefused(
                "certificate-expired", "this edge's certificate ended too long ago to be renewed",
                to_do="Enrol it again with a new token.",
            )  # fmt: skip
        if _later_in_use(session, edge, shown) is not None:
            raise EdgeRefused(
                "certificate-expired", "this certificate has expired, and was renewed before",
                to_do="Two machines have this edge's identity: revoke it, and enrol the right one with a new token.",
            )  # fmt: skip
    issued = select(func.count()).where(
        EdgeCertificateRow.edge_id == edge.id, EdgeCertificateRow.issued_at > now - DAY_S
    )
    if (session.scalar(issued) or 0) >= MOST_A_DAY:
        raise EdgeRefused("renewed-too-often", "this edge was issued too many certificates today")


def add(change: Change, edge: EdgeRow, issued: Certificate, parent: str = "") -> None:
    """Store a certificate that was just issued; the ones before it stay in force until they end."""
    session = change.session
    asked_with = session.get(EdgeCertificateRow, parent) if parent else None
    edge.certificate_fingerprint, edge.certificate_serial = issued.fingerprint, issued.serial
    edge.certificate_ends_at = issued.ends_at
    generation = asked_with.generation + 1 if asked_with is not None else 1
    session.flush()
    session.add(_row(edge.id, issued, parent, generation, change.now))
    session.execute(
        delete(EdgeCertificateRow).where(
            EdgeCertificateRow.edge_id == edge.id,
            EdgeCertificateRow.ends_at < change.now - 2 * DAY_S,
            EdgeCertificateRow.fingerprint != parent,
            EdgeCertificateRow.fingerprint != issued.fingerprint,
        )
    )


def is_use_news(session: Session, shown: Certificate, peer: str, now: float) -> bool:
    """Return whether it is worth storing that a certificate is used from ``peer``."""
    row = session.get(EdgeCertificateRow, shown.fingerprint)
    if row is None or row.used_at is None or row.seen_at is None or now - row.seen_at > NOTED_EVERY_S:
        return True
    return row.peer != peer and now - row.seen_at > CHANGES_OVER_S


def note_use(change: Change, edge: EdgeRow, shown: Certificate, peer: str) -> None:
    """Store that a certificate is used; alert where another machine has the identity too."""
    session = change.session
    row = session.get(EdgeCertificateRow, shown.fingerprint)
    if row is None:  # issued after the copy that this hub goes on from
        row = _row(edge.id, shown, "", 1, shown.issued_at)
        session.add(row)
        if shown.ends_at > edge.certificate_ends_at:
            edge.certificate_fingerprint, edge.certificate_serial = shown.fingerprint, shown.serial
            edge.certificate_ends_at = shown.ends_at
    row.used_at = row.used_at or change.now
    row.seen_at, row.peer = change.now, peer[:64]
    session.flush()
    later = _later_in_use(session, edge, shown)
    if later is not None and later.used_at is not None and later.used_at < change.now - CHANGES_OVER_S:
        _tell_of_two(change, edge, later.peer, peer)


def is_unknown_news(session: Session, shown: Certificate, now: float) -> bool:
    """Return whether it is worth storing that an edge which the hub does not know asks."""
    row = session.get(UnknownEdgeRow, shown.identity.edge_id)
    return row is None or now - row.last_at > NOTED_EVERY_S


def note_unknown(change: Change, shown: Certificate, peer: str) -> None:
    """Keep that an edge asks which this hub's CA vouches for and the hub does not know, for people to decide."""
    session, identity = change.session, shown.identity
    if session.get(SiteRow, identity.site_id) is None or session.get(RetiredSiteRow, identity.site_id) is not None:
        return
    row = session.get(UnknownEdgeRow, identity.edge_id)
    if row is None:
        if (session.scalar(select(func.count()).select_from(UnknownEdgeRow)) or 0) >= MOST_UNKNOWN:
            return
        row = UnknownEdgeRow(id=identity.edge_id, site_id=identity.site_id, first_at=change.now)
        session.add(row)
    row.key_fingerprint, row.certificate_fingerprint = shown.key_fingerprint, shown.fingerprint
    row.certificate_serial, row.certificate_ends_at = shown.serial, shown.ends_at
    row.last_at, row.peer = change.now, peer[:64]


def readmit(change: Change, edge_id: str) -> EdgeRow:
    """Let in an edge that the hub does not know and that has asked: one enrolled after the copy that the hub has.

    Raises:
        UnknownEdge: No such edge has asked.
    """
    session = change.session
    asked = session.get(UnknownEdgeRow, edge_id)
    if asked is None or session.get(EdgeRow, edge_id) is not None:
        raise UnknownEdge(
            f"no edge {edge_id[:40]!r} that the hub does not know has asked", to_do="ringfence hub doubts shows all."
        )
    shown = Certificate(
        asked.certificate_serial, asked.certificate_fingerprint, asked.key_fingerprint, asked.first_at,
        asked.certificate_ends_at, EdgeIdentity(asked.id, asked.site_id),
    )  # fmt: skip
    edge = edges.new(asked.id, asked.site_id, shown, change.now)
    session.add(edge)
    add(change, edge, shown)
    session.delete(asked)
    change.note("edge.readmit", edge.id, f"site {edge.site_id}, asked from {asked.peer}")
    return edge


def _later_in_use(session: Session, edge: EdgeRow, shown: Certificate) -> EdgeCertificateRow | None:
    """Return the first certificate of an edge that was issued after ``shown`` and is in use.

    Whoever holds that one has renewed, whether from ``shown`` or from one in between, which may be forgotten by now.
    """
    row = session.get(EdgeCertificateRow, shown.fingerprint)
    later = select(EdgeCertificateRow).where(
        EdgeCertificateRow.edge_id == edge.id, EdgeCertificateRow.used_at.is_not(None),
        EdgeCertificateRow.fingerprint != shown.fingerprint,
        EdgeCertificateRow.issued_at >= (row.issued_at if row is not None else shown.issued_at),
    )  # fmt: skip
    return session.scalar(later.order_by(EdgeCertificateRow.used_at).limit(1))


def _tell_of_two(change: Change, edge: EdgeRow, one: str, other: str) -> None:
    places = f"{one or 'an unknown address'} and {other or 'an unknown address'}"
    sentence = (
        f"Two machines have the identity of edge {edge.hostname or edge.id}: they call from {places}, and one of them "
        f"is a copy. Both are still let in. Revoke it (ringfence edge revoke {edge.id}), enrol the right machine "
        f"with a new token, and change the secrets of its phones: ringfence sip rotate {edge.site_id}."
    )
    if alerts.open_one(change.session, edge.site_id, alerts.TWO_HOLDERS, edge.id) is None:
        change.note("edge.two-holders", edge.id, places)
    alerts.raise_alert(change, edge.site_id, alerts.TWO_HOLDERS, edge.id, sentence, peer=other)


def _row(edge_id: str, of: Certificate, parent: str, generation: int, issued_at: float) -> EdgeCertificateRow:
    return EdgeCertificateRow(
        fingerprint=of.fingerprint, edge_id=edge_id, parent=parent, generation=generation, serial=of.serial,
        issued_at=issued_at, ends_at=of.ends_at, used_at=None, seen_at=None, peer="",
    )  # fmt: skip
