"""Releases in the store: rows and signed metadata, always written together.

Everything here runs inside one transaction of the caller's. The blobs that a release names are durable before it; so a
crash at any moment leaves a site on its old release or on its new one, never between.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from sqlalchemy import case, delete, func, insert, select, update
from sqlalchemy.orm import Session

from ringfence.content.digests import Digest
from ringfence.content.release import (
    Release,
    Reload,
    ReloadMethod,
    Target,
    TargetKind,
)
from ringfence.content.repository import Versions
from ringfence.content.signing import (
    SNAPSHOT_LIFETIME_S,
    TARGETS_LIFETIME_S,
    TIMESTAMP_LIFETIME_S,
    SignedRelease,
    SiteSigners,
    sign_release,
)
from ringfence.hub.core import Hub
from ringfence.hub.errors import UnknownRelease
from ringfence.hub.fleet import doubts, due_orders, phone_files, sites
from ringfence.hub.fleet.doubts import Proven
from ringfence.hub.publishing import roots
from ringfence.hub.store import pages
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import SiteRow
from ringfence.hub.store.pages import Page, Paged
from ringfence.hub.store.release_models import PreparedTargetRow, ReleaseRow, ReleaseTargetRow, RoleMetadataRow
from ringfence.phones.mac import Mac

LIFETIMES_S = {
    "targets": TARGETS_LIFETIME_S,
    "snapshot": SNAPSHOT_LIFETIME_S,
    "timestamp": TIMESTAMP_LIFETIME_S,
}


@dataclass(frozen=True, slots=True)
class NewRelease:
    """A release that is to be stored."""

    site_id: str
    number: int
    targets: tuple[Target, ...]
    comment: str = ""
    rolled_back_to: int | None = None
    entries_through: int | None = None
    """The newest entry of the audit log that it has (``ReleaseRow.entries_through``)."""
    trace: str = ""
    """What its trace goes on from."""


def put(change: Change, hub: Hub, releases: Sequence[NewRelease]) -> Mapping[str, int]:
    """Sign and store releases, at most one a site; all of them or none.

    Returns:
        Site → how many of its phones the hub is to tell, as they have no edge that does.
    """
    if not releases:
        return {}
    session = change.session
    site_ids, signers = [release.site_id for release in releases], hub.signers
    roots.follow_keys(hub, session, site_ids, change.now, signers)
    versions = newest_versions(session, site_ids)
    signed = {
        release.site_id: sign_release(
            Release(release.site_id, release.number, release.targets), versions[release.site_id], signers, change.now
        )
        for release in releases
    }
    session.execute(insert(ReleaseRow), [_release_row(release, change) for release in releases])
    targets = [_target_row(release, target) for release in releases for target in release.targets]
    if targets:
        session.execute(insert(ReleaseTargetRow), targets)
    put_metadata(session, signed, change.now)
    files = {each.site_id: (each.number, each.targets) for each in releases}
    told = due_orders.note(session, files, change.now)
    phone_files.note_released(session, files)
    numbers = {release.site_id: release.number for release in releases}
    chosen = update(SiteRow).where(SiteRow.id.in_(site_ids)).values(newest_release=case(numbers, value=SiteRow.id))
    session.execute(chosen, execution_options={"synchronize_session": False})
    return told


def sign_again(session: Session, site_id: str, now: float, signers: SiteSigners) -> None:
    """Sign a site's newest release anew, with versions above all that its edges have; nothing where it has none."""
    newest = session.get_one(SiteRow, site_id).newest_release
    if newest:
        versions = newest_versions(session, [site_id])[site_id]
        release = Release(site_id, newest, targets(session, site_id, newest))
        put_metadata(session, {site_id: sign_release(release, versions, signers, now)}, now)


def put_metadata(session: Session, signed: Mapping[str, SignedRelease], now: float) -> None:
    """Store the signed roles of sites; the timestamps before them go."""
    session.execute(
        delete(RoleMetadataRow).where(RoleMetadataRow.role == "timestamp", RoleMetadataRow.site_id.in_(sorted(signed)))
    )
    rows = [
        {
            "site_id": site_id,
            "role": role,
            "version": getattr(parts.versions, role),
            "body": getattr(parts, role),
            "made_at": now,
            "expires_at": now + lifetime_s,
        }
        for site_id, parts in signed.items()
        for role, lifetime_s in LIFETIMES_S.items()
    ]
    session.execute(insert(RoleMetadataRow), rows)


def newest_versions(session: Session, site_ids: Sequence[str]) -> dict[str, Versions]:
    """Return the newest version of each role that each site has, or that an edge has proven to have."""
    floors = doubts.proven(session, site_ids)
    stored = stored_versions(session, site_ids)
    return {site_id: (floors[site_id] | Proven(versions=stored[site_id])).versions for site_id in site_ids}


def stored_versions(session: Session, site_ids: Sequence[str]) -> dict[str, Versions]:
    """Return the newest version of each role that the hub has of each site."""
    found: dict[str, dict[str, int]] = {site_id: {} for site_id in site_ids}
    chosen = (
        select(RoleMetadataRow.site_id, RoleMetadataRow.role, func.max(RoleMetadataRow.version))
        .where(RoleMetadataRow.site_id.in_(site_ids), RoleMetadataRow.role != "root")
        .group_by(RoleMetadataRow.site_id, RoleMetadataRow.role)
    )
    for site_id, role, version in session.execute(chosen):
        found[site_id][role] = version
    return {site_id: Versions(**by_role) for site_id, by_role in found.items()}


def newest_targets(session: Session, site_ids: Sequence[str] | None) -> dict[str, tuple[Target, ...]]:
    """Return the files of each site's newest release; sites without one are left out."""
    chosen = (
        select(ReleaseTargetRow)
        .join(SiteRow, (SiteRow.id == ReleaseTargetRow.site_id) & (SiteRow.newest_release == ReleaseTargetRow.number))
        .order_by(ReleaseTargetRow.site_id)
    )
    if site_ids is not None:
        chosen = chosen.where(ReleaseTargetRow.site_id.in_(site_ids))
    found: dict[str, list[Target]] = {}
    for row in session.scalars(chosen):
        found.setdefault(row.site_id, []).append(target_of(row))
    return {site_id: in_order(targets) for site_id, targets in found.items()}


def targets(session: Session, site_id: str, number: int) -> tuple[Target, ...]:
    """Return the files of a release; UnknownRelease where the site has none of this number."""
    get(session, site_id, number)
    chosen = select(ReleaseTargetRow).where(ReleaseTargetRow.site_id == site_id, ReleaseTargetRow.number == number)
    return in_order(target_of(row) for row in session.scalars(chosen))


def targets_of(session: Session, site_id: str, number: int, owner: Mac) -> tuple[Target, ...]:
    """Return the files of a release that one phone alone may have."""
    of = ReleaseTargetRow
    chosen = select(of).where(of.site_id == site_id, of.number == number, of.owner == owner.bare)
    return in_order(target_of(row) for row in session.scalars(chosen))


def get(session: Session, site_id: str, number: int) -> ReleaseRow:
    """Return a release; UnknownRelease says which ones there are."""
    site = sites.get(session, site_id)
    row = session.get(ReleaseRow, (site.id, number))
    if row is None and number <= site.removed_through:
        oldest = session.scalar(select(func.min(ReleaseRow.number)).where(ReleaseRow.site_id == site.id))
        raise UnknownRelease(
            f"release {number} of site {site.id} is not kept any more",
            to_do=f"The oldest that is kept is {oldest}; `ringfence hub retention` says what is kept how long.",
        )
    if row is None:
        there = (
            f"Its newest release is {site.newest_release}."
            if site.newest_release
            else "Nothing has been published for it yet."
        )
        raise UnknownRelease(f"site {site.id} has no release {number}", to_do=there)
    return row


def before(session: Session, site_id: str, number: int) -> int:
    """Return the release before one, of those that are kept; 0 where there is none."""
    earlier = select(func.max(ReleaseRow.number)).where(ReleaseRow.site_id == site_id, ReleaseRow.number < number)
    return session.scalar(earlier) or 0


def entries_through(session: Session, site_id: str, number: int) -> int | None:
    """Return the newest entry of the audit log that a release has; None where it is not known."""
    row = session.get(ReleaseRow, (site_id, number))
    return None if row is None else row.entries_through


def is_without(release: ReleaseRow | None, entry: int, at: float) -> bool:
    """Return whether a release is from before an entry of the audit log; None stands for before there was one."""
    if release is None:
        return True
    return at >= release.made_at if release.entries_through is None else entry > release.entries_through


def find(session: Session, site_id: str, page: Page) -> Paged[tuple[ReleaseRow, int]]:
    """Return a page of a site's releases, the newest first, each with how many files it has."""
    site = sites.get(session, site_id)
    count = (
        select(func.count())
        .where(ReleaseTargetRow.site_id == ReleaseRow.site_id, ReleaseTargetRow.number == ReleaseRow.number)
        .scalar_subquery()
    )
    chosen = select(ReleaseRow, count).where(ReleaseRow.site_id == site.id)
    return pages.read(session, chosen, page, ReleaseRow.number, newest_first=True)


def in_order(files: Iterable[Target]) -> tuple[Target, ...]:
    """Return files in the order that releases have."""
    return tuple(sorted(files, key=lambda target: target.name))


def target_of(row: ReleaseTargetRow) -> Target:
    """Return a row as what it means."""
    digest, kind = Digest(row.digest), TargetKind(row.kind)
    return Target(row.name, digest, row.length, kind, row.owner, reload_of(row), row.secret, row.sealed)


def reload_of(row: ReleaseTargetRow | PreparedTargetRow) -> Reload | None:
    """Return how and when a row's phone is told of it."""
    if row.reload_port is None:
        return None
    known: dict[str | None, ReloadMethod] = {method: method for method in get_args(ReloadMethod)}
    return Reload(known[row.reload_method], row.reload_port, row.reload_minute)


def reload_columns(reload: Reload | None) -> dict[str, str | int | None]:
    """Return how and when a phone is told, as columns."""
    return {
        "reload_port": reload.port if reload else None,
        "reload_method": reload.method if reload else None,
        "reload_minute": reload.minute if reload else None,
    }


Columns = dict[str, str | int | float | bytes | None]


def _release_row(release: NewRelease, change: Change) -> Columns:
    return {
        "site_id": release.site_id,
        "number": release.number,
        "made_at": change.now,
        "made_by": change.who,
        "comment": release.comment,
        "rolled_back_to": release.rolled_back_to,
        "entries_through": release.entries_through,
        "trace": release.trace,
    }


def _target_row(release: NewRelease, target: Target) -> Columns:
    return {
        "site_id": release.site_id,
        "number": release.number,
        "name": target.name,
        "digest": target.digest,
        "length": target.length,
        "kind": str(target.kind),
        "owner": target.owner,
        "secret": target.secret,
        "sealed": target.sealed,
        **reload_columns(target.reload),
    }
