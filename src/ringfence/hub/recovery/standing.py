"""What edges tell of what they have, and what follows where the hub has less.

The numbers are believed because the hub itself signed them; what only the edge says harms its own site alone. Where
the content is the same, as when only a timestamp was renewed since the copy, the hub signs anew above it. Otherwise it
is in doubt of the site until a person decides (``fleet.doubts``).
"""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.content.digests import sha256_hex
from ringfence.content.errors import MetadataRefused
from ringfence.content.proof import ProvenMetadata, prove, prove_root
from ringfence.content.repository import Versions
from ringfence.content.signing import named_keys
from ringfence.hub import logs
from ringfence.hub.core import Hub
from ringfence.hub.fleet import doubts, edges
from ringfence.hub.fleet.doubts import Proven
from ringfence.hub.publishing import releases, roots
from ringfence.hub.recovery import hub_memory
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import EdgeRow, SiteRow
from ringfence.hub.store.release_models import RoleMetadataRow
from ringfence.printable import printable
from ringfence.wire.messages import EdgeStanding

MOST_ROOTS_LOST = 60
"""How many roots a hub signs anew at once; edges take no longer chain in one refresh."""
MOST_STATES_AHEAD = 1_000_000
"""How far ahead of the hub's an edge's version of the state may be to be believed."""

_log = logs.get("recovery")


@dataclass(frozen=True, slots=True)
class StandingTaken:
    """The outcome: edges that are revoked again, which includes the one that told if it should not be let in."""

    revoked: list[str]


def take(hub: Hub, edge_id: str, told: EdgeStanding, issuer: str = "") -> StandingTaken:
    """Compare what an edge has with what the hub has; ``issuer`` is the CA of the certificate that it shows.

    Raises:
        EdgeRefused: The edge was revoked meanwhile.
    """
    with hub.change(edge_id) as change:
        edge = edges.let_in(change.session, edge_id)
        revoked = hub_memory.recall(change, hub.sealer, told.memory)
        if told.revoked and edge.revoked_at is None:
            edges.revoke(change, edge.id, wipe=False)  # it says so itself: the hub has forgotten
            hub_memory.note(change, hub.sealer)
            revoked.append(edge.id)
        edge.standing_at = change.now
        edge.hub_url, edge.issuer = printable(told.hub_url, 300), issuer
        _compare_roots(hub, change, edge, told.root)
        if edge.revoked_at is None:
            _compare(hub, change, edge, told)
    if revoked:
        _log.warning("revoked again, as edges remember", edges=revoked)
        hub.wakeups.wake_edges(set(revoked))
    return StandingTaken(revoked)


def _compare_roots(hub: Hub, change: Change, edge: EdgeRow, told: str) -> None:
    """Note where an edge looks for the hub; sign roots above one that the hub has signed and lost."""
    if not told:
        return
    session, newest = change.session, roots.newest(change.session, edge.site_id)
    ours = told.encode() if _is_ours(session, edge.site_id, told.encode()) else newest.body
    try:
        proven = prove_root(edge.site_id, ours, told.encode())
    except MetadataRefused as refused:
        _log.warning("an edge tells of a root that this hub did not sign", edge=edge.id, problem=str(refused))
        return
    edge.endpoints_digest = proven.hub.digest if proven.hub.urls else ""
    lost = proven.version - newest.version
    if lost < 0 or lost > MOST_ROOTS_LOST or told.encode() == newest.body:
        return
    for _version in range(lost + 1):  # one more, so that this edge takes it too
        roots.sign_next(hub, session, edge.site_id, change.now)
    _log.warning("signed roots anew above those that an edge has", edge=edge.id, site=edge.site_id, lost=lost)


def _is_ours(session: Session, site_id: str, root: bytes) -> bool:
    """Return whether a root is one that the hub has stored: it may be of a root key from before."""
    of_site = RoleMetadataRow.site_id == site_id, RoleMetadataRow.role == "root"
    return session.scalar(select(RoleMetadataRow.version).where(*of_site, RoleMetadataRow.body == root)) is not None


def _compare(hub: Hub, change: Change, edge: EdgeRow, told: EdgeStanding) -> None:
    session = change.session
    site = session.get_one(SiteRow, edge.site_id)
    proof = _proof(session, edge, told)
    state = told.state_version if told.state_version <= site.guard_version + MOST_STATES_AHEAD else 0
    versions = proof.versions if proof is not None else Versions()
    has = Proven(min(told.release, versions.targets), versions, state)
    if proof is not None and _is_ahead(session, site, told, versions):
        if has.release == site.newest_release and _has_same_targets(session, site, proof):
            doubts.raise_floor(change, site.id, has)
            _sign_above(hub, change, site)
        else:
            doubts.raise_floor(change, site.id, has, _why(edge, site, has.release))
            _log.warning("an edge has what the hub does not", edge=edge.id, site=site.id, release=has.release)
            return
    if state > site.guard_version:
        what = "newer rules of its guard (windows, bans, blocked phones, levels) than the hub has"
        doubts.raise_floor(change, site.id, has, f"edge {edge.hostname or edge.id} has {what}")
    elif doubts.of(session, site.id) == doubts.UNHEARD and (proof is not None or _all_have_told(session, site.id)):
        doubts.end(change, site.id)


def _why(edge: EdgeRow, site: SiteRow, release: int) -> str:
    who = edge.hostname or edge.id
    if release == site.newest_release:
        return f"edge {who} has another release {release} than the hub has"
    newest = f"its newest is {site.newest_release}" if site.newest_release else "it has none"
    return f"edge {who} has release {release}, which the hub does not have: {newest}. Edits made since then are lost"


def _proof(session: Session, edge: EdgeRow, told: EdgeStanding) -> ProvenMetadata | None:
    if not told.timestamp:
        return None
    chosen = select(RoleMetadataRow.body).where(RoleMetadataRow.site_id == edge.site_id, RoleMetadataRow.role == "root")
    bodies = session.scalars(chosen.order_by(RoleMetadataRow.version.desc())).all()
    # What keys of before signed counts no more: edges forget it with the root that names the new ones.
    of_these_keys = [each for each in bodies if named_keys(each).online == named_keys(bodies[0]).online]
    try:
        proof = prove(edge.site_id, of_these_keys, told.timestamp.encode(), told.snapshot.encode())
    except MetadataRefused as refused:
        _log.warning("an edge tells of metadata that this hub did not sign", edge=edge.id, problem=str(refused))
        return None
    highest = max(proof.versions.targets, proof.versions.snapshot, proof.versions.timestamp)
    if highest > roots.HIGHEST_HONEST:
        _log.error(
            "an edge has metadata of a version that no hub reaches: somebody else has a key of this hub's",
            edge=edge.id, site=edge.site_id, version=highest, to_do="ringfence hub keys rotate timestamp",
        )  # fmt: skip
        return None
    return proof


def _is_ahead(session: Session, site: SiteRow, told: EdgeStanding, has: Versions) -> bool:
    """Return whether an edge has a higher version than the hub, or the same version with other bytes."""
    ours = releases.stored_versions(session, [site.id])[site.id]
    if has.timestamp > ours.timestamp or has.snapshot > ours.snapshot or has.targets > ours.targets:
        return True
    pairs = (("timestamp", has.timestamp, told.timestamp), ("snapshot", has.snapshot, told.snapshot))
    return any(
        (body := _body(session, site.id, role, version)) is not None and body != text.encode()
        for role, version, text in pairs
    )


def _has_same_targets(session: Session, site: SiteRow, proof: ProvenMetadata) -> bool:
    body = _body(session, site.id, "targets", proof.versions.targets)
    return body is not None and sha256_hex(body) == proof.targets_digest


def _body(session: Session, site_id: str, role: str, version: int) -> bytes | None:
    return session.scalar(
        select(RoleMetadataRow.body).where(
            RoleMetadataRow.site_id == site_id, RoleMetadataRow.role == role, RoleMetadataRow.version == version
        )
    )


def _sign_above(hub: Hub, change: Change, site: SiteRow) -> None:
    """Sign what the hub has again, with versions above all that edges have."""
    signers = hub.signers
    roots.follow_keys(hub, change.session, [site.id], change.now, signers)
    releases.sign_again(change.session, site.id, change.now, signers)


def _all_have_told(session: Session, site_id: str) -> bool:
    unheard = select(EdgeRow.id).where(
        EdgeRow.site_id == site_id, EdgeRow.revoked_at.is_(None), EdgeRow.standing_at.is_(None)
    )
    return session.scalar(unheard.limit(1)) is None
