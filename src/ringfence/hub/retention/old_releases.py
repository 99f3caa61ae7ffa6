"""Releases that are over for long: which may go, and how they go.

Kept are, of each site: the newest release and the ``RetentionPolicy.releases`` newest ones, all that are younger than
``releases_for_s``, the one that each of its edges has, those that live bundles and changes of secrets refer to, and all
of a site that is held, in doubt, or in a rollout that has not ended. An edge that was away needs none of the others: by
TUF's client workflow (specification 1.0.34, section 5.3) it steps through every root, which are all kept for ever, and
takes the newest timestamp, snapshot and targets. Older snapshots and targets stay for ``releases_for_s`` too, for
edges that are fetching them and for what edges prove after the hub was restored.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, exists, select, update
from sqlalchemy.orm import Session, aliased

from ringfence.content.digests import Digest
from ringfence.hub.core import Hub
from ringfence.hub.fleet.rotation_stages import UNDER_WAY
from ringfence.hub.publishing.rollouts import CANCELLED, DONE
from ringfence.hub.retention.policy import RetentionPolicy
from ringfence.hub.store import blob_ledger, retention_tally
from ringfence.hub.store.bundle_models import BundleRow
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import EdgeRow, PhoneRow, SiteRow
from ringfence.hub.store.pbx_models import RotationRow
from ringfence.hub.store.release_models import ReleaseRow, ReleaseTargetRow, RoleMetadataRow, SiteStandingRow
from ringfence.hub.store.rollout_models import RolloutRow, RolloutSiteRow

WHO = "the hub"
_SITES_AT_ONCE = 100
_RELEASES_AT_ONCE = 50
_DOCUMENTS_AT_ONCE = 500
_SUPERSEDED = ("snapshot", "targets")


@dataclass(frozen=True, slots=True)
class RemovedReleases:
    """How many releases of how many sites were removed, and how many documents of metadata."""

    releases: int = 0
    documents: int = 0


@dataclass(frozen=True, slots=True, order=True)
class OldRelease:
    """A release that may go."""

    site_id: str
    number: int


def remove(hub: Hub, policy: RetentionPolicy) -> RemovedReleases:
    """Remove what an organisation's sites have no use for any more, in short transactions.

    Each looks again what may go, so that a publish, or another process that does the same, may come between two.
    """
    gone = 0
    for sites in _parts_of_sites(hub):
        with hub.database.reading() as session:
            found = removable(session, sites, policy, hub.clock())
        while found:
            with hub.change(WHO) as change:
                found = removable(change.session, sorted({each.site_id for each in found}), policy, change.now)
                part, found = found[:_RELEASES_AT_ONCE], found[_RELEASES_AT_ONCE:]
                _remove(change, part)
            gone += len(part)
    return RemovedReleases(gone, _remove_documents(hub, policy))


def removable(session: Session, sites: Sequence[str], policy: RetentionPolicy, now: float) -> list[OldRelease]:
    """Return which releases of some sites may go, the oldest of each site first."""
    before = now - policy.releases_for_s
    of = ReleaseRow
    chosen = select(of.site_id, of.number, of.made_at).where(of.site_id.in_(sites)).order_by(of.site_id, of.number)
    numbers: dict[str, list[int]] = {}
    old: list[OldRelease] = []
    for site_id, number, made_at in session.execute(chosen):
        numbers.setdefault(site_id, []).append(number)
        if made_at < before:
            old.append(OldRelease(site_id, number))
    newest_kept = {site_id: set(each[-policy.releases :]) for site_id, each in numbers.items()}
    found = [each for each in old if each.number not in newest_kept[each.site_id]]
    if not found:
        return []
    concerned = sorted({each.site_id for each in found})
    whole, single = _sites_kept_whole(session, concerned), set(_referred(session, concerned, numbers, now))
    return [each for each in found if each.site_id not in whole and each not in single]


def _parts_of_sites(hub: Hub) -> Iterator[Sequence[str]]:
    last = ""
    while True:
        with hub.database.reading() as session:
            chosen = select(SiteRow.id).where(SiteRow.id > last).order_by(SiteRow.id).limit(_SITES_AT_ONCE)
            part = session.scalars(chosen).all()
        if not part:
            return
        yield part
        last = part[-1]


def _sites_kept_whole(session: Session, sites: Sequence[str]) -> set[str]:
    """Return the sites of which nothing goes for now."""
    held = select(SiteRow.id).where(SiteRow.id.in_(sites), SiteRow.held_at.is_not(None))
    doubted = select(SiteStandingRow.site_id).where(SiteStandingRow.site_id.in_(sites), SiteStandingRow.doubt != "")
    rolled_out = (
        select(RolloutSiteRow.site_id)
        .join(RolloutRow, RolloutRow.id == RolloutSiteRow.rollout_id)
        .where(RolloutSiteRow.site_id.in_(sites), RolloutRow.state.not_in((DONE, CANCELLED)))
    )
    return {site_id for chosen in (held, doubted, rolled_out) for site_id in session.scalars(chosen)}


def _referred(
    session: Session, sites: Sequence[str], numbers: dict[str, list[int]], now: float
) -> Iterator[OldRelease]:
    """Yield the releases that something goes by."""
    newest = select(SiteRow.id, SiteRow.newest_release).where(SiteRow.id.in_(sites))
    of_edges = select(EdgeRow.site_id, EdgeRow.release).where(EdgeRow.site_id.in_(sites), EdgeRow.revoked_at.is_(None))
    for site_id, number in (*session.execute(newest), *session.execute(of_edges)):
        yield OldRelease(site_id, number)
    bundles = select(BundleRow.site_id, BundleRow.release).where(
        BundleRow.site_id.in_(sites), BundleRow.revoked_at.is_(None), BundleRow.expires_at > now
    )
    for site_id, number in session.execute(bundles):
        yield OldRelease(site_id, number)
        later = [each for each in numbers[site_id] if each > number]
        if later:  # since when its files are old (fleet/bundle_alerts.py)
            yield OldRelease(site_id, later[0])
    rotations = (
        select(PhoneRow.site_id, RotationRow.release, RotationRow.restored)
        .join(PhoneRow, PhoneRow.mac == RotationRow.mac)
        .where(PhoneRow.site_id.in_(sites), RotationRow.stage.in_(UNDER_WAY))
    )
    for site_id, changed, restored in session.execute(rotations):
        yield OldRelease(site_id, changed)
        yield OldRelease(site_id, restored)


def _remove(change: Change, found: Sequence[OldRelease]) -> None:
    """Remove releases with their files' names, and write down up to which they are gone."""
    session = change.session
    if not found:
        return
    for each in found:
        mine = (ReleaseTargetRow.site_id == each.site_id, ReleaseTargetRow.number == each.number)
        digests = {Digest(digest) for digest in session.scalars(select(ReleaseTargetRow.digest).where(*mine))}
        blob_ledger.doubt(session, digests, change.now)
        session.execute(delete(ReleaseTargetRow).where(*mine))
        session.execute(delete(ReleaseRow).where(ReleaseRow.site_id == each.site_id, ReleaseRow.number == each.number))
    highest = {each.site_id: each.number for each in sorted(found)}
    for site_id, number in highest.items():
        its = (SiteRow.id == site_id, SiteRow.removed_through < number)
        session.execute(update(SiteRow).where(*its).values(removed_through=number))
    retention_tally.add(session, retention_tally.REMOVED_RELEASES, len(found))
    change.note("retention.releases", "", f"{len(found)} old releases of {len(highest)} sites were removed")


def _remove_documents(hub: Hub, policy: RetentionPolicy) -> int:
    """Remove snapshots and targets that newer ones have taken the place of for long."""
    gone = 0
    while True:
        with hub.database.reading() as session:
            if not _documents(session, policy, hub.clock()):
                return gone
        with hub.change(WHO) as change:
            found = _documents(change.session, policy, change.now)
            for site_id, role, version in found:
                change.session.execute(
                    delete(RoleMetadataRow).where(
                        RoleMetadataRow.site_id == site_id, RoleMetadataRow.role == role,
                        RoleMetadataRow.version == version,
                    )
                )  # fmt: skip
        gone += len(found)


def _documents(session: Session, policy: RetentionPolicy, now: float) -> Sequence[tuple[str, str, int]]:
    of, newer = RoleMetadataRow, aliased(RoleMetadataRow)
    has_newer = exists().where(newer.site_id == of.site_id, newer.role == of.role, newer.version > of.version)
    in_doubt = exists().where(SiteStandingRow.site_id == of.site_id, SiteStandingRow.doubt != "")
    chosen = (
        select(of.site_id, of.role, of.version)
        .where(of.made_at < now - policy.releases_for_s, of.role.in_(_SUPERSEDED), has_newer, ~in_doubt)
        .order_by(of.made_at)
        .limit(_DOCUMENTS_AT_ONCE)
    )
    return [(site_id, role, version) for site_id, role, version in session.execute(chosen)]
