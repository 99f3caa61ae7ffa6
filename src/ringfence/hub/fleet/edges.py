"""Edges: the enrolled boxes."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from cryptography import x509
from sqlalchemy import ColumnElement, Select, select, update
from sqlalchemy.orm import Session

from ringfence.hub.errors import CertificateProblem, EdgeRefused, UnknownEdge
from ringfence.hub.fleet import box_numbering, edge_addresses, edge_modes, edge_tls_keys, sites
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import EdgeRow, EnrolmentTokenRow
from ringfence.identity.certificates import (
    CLOCK_SLACK_S,
    EdgeIdentity,
    fingerprint,
    issuer_id,
    key_fingerprint,
    read_identity,
    validity,
)
from ringfence.printable import printable
from ringfence.wire.messages import EdgeHealth, EdgeMode, EdgeProblem, Progress

_MOST_BYTES = 1 << 50
_LONGEST_PROBLEM = 300
_LONGEST_VERSION = 40
_MOST_KINDS, _KIND = 10, re.compile("[a-z-]{1,19}")
_MOST_OFF_S = 100 * 365 * 86_400.0
_SLOW_MESSAGE_S = 30.0

CONNECTED_FOR_S = 45.0
"""How long an open stream counts without being confirmed: a hub that crashed confirms nothing."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What the hub keeps of a certificate."""

    serial: str
    fingerprint: str
    key_fingerprint: str
    issued_at: float
    ends_at: float
    identity: EdgeIdentity
    issuer: str = ""
    """The key identifier of the CA that issued it."""

    @classmethod
    def of(cls, certificate: x509.Certificate) -> "Certificate":
        """Return it for a certificate of this hub's CA.

        Raises:
            BadCertificate: It names no edge.
        """
        begins, ends = validity(certificate)
        return cls(
            f"{certificate.serial_number:x}", fingerprint(certificate), key_fingerprint(certificate.public_key()),
            begins + CLOCK_SLACK_S, ends, read_identity(certificate), issuer_id(certificate),
        )  # fmt: skip


def admit(
    change: Change, token: EnrolmentTokenRow, edge_id: str, certificate: Certificate, host: tuple[str, str]
) -> EdgeRow:
    """Store a new edge; ``host`` is its host name and version."""
    edge = new(edge_id, token.site_id, certificate, change.now)
    edge.hostname, edge.version = host[0][:255], host[1][:40]
    change.session.add(edge)
    token.edge_id = edge_id
    change.note("edge.enrol", edge_id, f"site {token.site_id}, host {edge.hostname}, by {token.id}")
    return edge


def new(edge_id: str, site_id: str, certificate: Certificate, now: float) -> EdgeRow:
    """Return the row of an edge that the hub did not have."""
    return EdgeRow(
        id=edge_id, site_id=site_id, hostname="", version="", enrolled_at=now,
        key_fingerprint=certificate.key_fingerprint, certificate_serial=certificate.serial,
        certificate_fingerprint=certificate.fingerprint, certificate_ends_at=certificate.ends_at, revoked_at=None,
        wipe=False, last_seen_at=now, connected_until=None, release=0, reports_through=0,
    )  # fmt: skip


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
        kind: CertificateProblem = "edge-revoked-serves" if edge.keeps_serving else "edge-revoked"
        raise EdgeRefused(kind, "this edge was revoked", to_do="Enrol it again with a new token.")


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


def revoke(change: Change, edge_id: str, *, wipe: bool, keeps_serving: bool = False) -> EdgeRow:
    """Revoke an edge, which then gives out no more secrets, unless it ``keeps_serving``.

    With ``wipe`` it is asked to delete what it holds, now or when it comes back.
    """
    edge = get(change.session, edge_id)
    if edge.revoked_at is None or (wipe and not edge.wipe) or (edge.keeps_serving and not keeps_serving):
        edge.keeps_serving = keeps_serving and not wipe
        edge.revoked_at = edge.revoked_at or change.now
        edge.wipe = edge.wipe or wipe
        if not edge.keeps_serving:
            edge_modes.forget_key(change.session, edge_id)
            edge_tls_keys.retire(change, edge_id)
        box_numbering.withdraw(change, edge)
        how = "with wipe" if wipe else "it keeps serving" if keeps_serving else ""
        change.note("edge.revoke", edge_id, how)
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


def note_health(edge: EdgeRow, told: EdgeHealth, now: float) -> None:
    """Store how an edge says that it is. Its clock counts as right as far as a message may take."""
    problem = told.problem if told.problem in set(EdgeProblem) else EdgeProblem.OTHER if told.problem else ""
    if problem != edge.problem:
        edge.problem_since = now if problem else None
    edge.problem, edge.problem_text = problem, printable(told.sentence, _LONGEST_PROBLEM) if problem else ""
    off_s = max(-_MOST_OFF_S, min(_MOST_OFF_S, told.at - now))
    edge.clock_off_s = round(off_s) if abs(off_s) > _SLOW_MESSAGE_S else 0.0
    edge.disk_free_bytes = min(told.disk_free_bytes, _MOST_BYTES)
    edge.http_addresses = edge_addresses.kept(told.http_addresses)
    edge.jobs_allowed = " ".join(word for word in told.jobs[:_MOST_KINDS] if _KIND.fullmatch(word))
    edge.jobs_problem = printable(told.jobs_problem, _LONGEST_PROBLEM)
    edge.mode_told = told.mode if told.mode in set(EdgeMode) else ""
    edge.version = printable(told.version, _LONGEST_VERSION) or edge.version


def note_disconnected(session: Session, edge_ids: Collection[str], now: float) -> None:
    """Store that these edges' streams have ended."""
    session.execute(update(EdgeRow).where(_among(edge_ids)).values(connected_until=now))


def _among(edge_ids: Collection[str]) -> ColumnElement[bool]:
    return EdgeRow.id.in_(sorted(edge_ids))
